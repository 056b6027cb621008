/// Who hears of what happens to a node, and how it is said.
/// Spec: XEP-0060 §7.1.2, §8.6, §12.4 (state changes); XEP-0163 §4.3; XEP-0248 §6 (collections).
#include <set>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;

constexpr std::size_t kMaxDepth = 16;  // of collections in collections

bool wants(const Context& c, const Node& node, const Subscription& subscription) {
    const auto& options = subscription.options;
    if (subscription.state != State::subscribed || !options.deliver) return false;
    if (options.expire && *options.expire <= c.request.now) return false;
    return !node.config.presence_based_delivery || c.people.is_available(subscription.jid);
}

/// Collections above a node, with how far above.
void climb(Context& c, const Node& node, std::size_t depth, std::map<std::string, std::size_t>& found) {
    if (depth > kMaxDepth) return;
    for (const auto& name : node.config.collections) {
        auto* parent = c.service.find(name);
        if (!parent || !parent->config.collection || !found.try_emplace(name, depth).second) continue;
        climb(c, *parent, depth + 1, found);
    }
}

}  // namespace

std::vector<Recipient> recipients(Context& c, const Node& node, bool of_node_itself) {
    std::vector<Recipient> to;
    std::set<Jid> told;
    std::set<Jid> told_bare;
    const auto add = [&](const Jid& jid, const std::string& collection) {
        if (!may_read(c.service, node, c.people, jid.bare()) || c.people.is_blocked(jid.bare())) return;
        if (!told.insert(jid).second) return;
        told_bare.insert(jid.bare());
        to.push_back({jid, collection});
    };
    for (const auto& subscription : node.subscriptions) {
        if (wants(c, node, subscription)) add(subscription.jid, {});
    }
    std::map<std::string, std::size_t> above;
    climb(c, node, 1, above);
    for (const auto& [name, distance] : above) {
        const auto& collection = *c.service.find(name);
        for (const auto& subscription : collection.subscriptions) {
            const auto& options = subscription.options;
            if (options.nodes != of_node_itself || (!options.deep && distance > 1)) continue;
            if (wants(c, collection, subscription)) add(subscription.jid, name);
        }
    }
    for (const auto& jid : c.people.interested(node.name)) {
        if (told_bare.contains(jid.bare()) && !jid.same_bare(c.service.jid)) continue;
        if (!told.contains(jid) && may_read(c.service, node, c.people, jid.bare())) to.push_back({jid, {}});
    }
    return to;
}

void announce(Context& c, const Node& node, xml::Element child, bool of_node_itself) {
    if (!node.config.deliver_notifications) return;
    auto to = recipients(c, node, of_node_itself);
    if (to.empty()) return;
    xml::Element event{"event", kEvent};
    event.append(std::move(child));
    c.out.broadcasts.push_back({std::move(event), node.config.chat, std::move(to)});
}

void tell_state(Context& c, const Node& node, const Subscription& subscription) {
    if (c.people.is_blocked(subscription.jid.bare())) return;
    xml::Element event{"event", kEvent};
    event.add("subscription")
        .set("node", node.name)
        .set("jid", subscription.jid.str())
        .set("subscription", to_text(subscription.state))
        .set("subid", subscription.subid);
    Direct direct{subscription.jid, {}, node.config.chat};
    direct.payload.push_back(std::move(event));
    c.out.directs.push_back(std::move(direct));
}

void tell_affiliation(Context& c, const Node& node, const Jid& bare, Affiliation affiliation) {
    if (bare == c.bare() || c.people.is_blocked(bare)) return;
    xml::Element pubsub{"pubsub", kPubsub};
    pubsub.add("affiliations")
        .set("node", node.name)
        .add("affiliation")
        .set("node", node.name)
        .set("jid", bare.str())
        .set("affiliation", to_text(affiliation));
    Direct direct{bare, {}, node.config.chat};
    direct.payload.push_back(std::move(pubsub));
    c.out.directs.push_back(std::move(direct));
}

void ask_owners(Context& c, const Node& node, const Subscription& subscription) {
    FormWriter form{"form", kAuthorizationForm};
    form.title("Somebody asks to subscribe")
        .text("pubsub#subid", "", subscription.subid)
        .text("pubsub#node", "Node", node.name)
        .text("pubsub#subscriber_jid", "Who", subscription.jid.str())
        .boolean("pubsub#allow", "Allow the subscription?", false);
    const auto x = form.take();
    auto owners = node.owners();
    if (c.service.personal) owners.assign(1, c.service.jid);
    for (const auto& owner : owners) {
        Direct direct{owner, {}, true};
        direct.payload.push_back(x);
        c.out.directs.push_back(std::move(direct));
    }
}

}  // namespace carillon::pubsub
