/// Affiliations and subscriptions, as a node's owner sees and changes them.
/// Spec: XEP-0060 §8.6 (approval), §8.8 (subscriptions), §8.9 (affiliations).
#include <algorithm>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;
using xmpp::StanzaError;

struct Part {
    Jid jid;
    Affiliation affiliation = Affiliation::none;
};

std::expected<std::vector<Part>, StanzaError> read_parts(const xml::Element& request) {
    std::vector<Part> parts;
    for (const auto* element : request.children()) {
        if (!element->is("affiliation", kOwner)) continue;
        const auto jid = Jid::parse(element->attribute("jid"));
        const auto affiliation = affiliation_of(element->attribute("affiliation"));
        if (!jid || !affiliation || parts.size() >= 1000) return refused(StanzaError::bad_request());
        parts.push_back({jid->bare(), *affiliation});
    }
    if (parts.empty()) return refused(StanzaError::bad_request());
    return parts;
}

/// A subscription that waits is approved by a part in the node, refused by being cast out (§8.6, last note).
void settle_subscriptions(Context& c, Node& node, const Part& part) {
    for (const auto& subscription : std::vector<Subscription>{node.subscriptions}) {
        if (subscription.jid.bare() != part.jid) continue;
        if (!may_read(c.service, node, c.people, part.jid)) {
            if (subscription.state == State::pending && part.affiliation == Affiliation::none) continue;
            drop_subscription(c, node, subscription, true);
        } else if (subscription.state == State::pending) {
            auto* held = node.find_subscription(subscription.jid);
            held->state = State::subscribed;
            c.record(change::PutSubscription{record_of(node, *held)});
            tell_state(c, node, *held);
        }
    }
}

void set_part(Context& c, Node& node, const Part& part) {
    if (node.affiliation(part.jid) == part.affiliation) return;
    if (part.affiliation == Affiliation::none) {
        node.affiliations.erase(part.jid);
    } else {
        node.affiliations[part.jid] = part.affiliation;
    }
    c.record(change::PutAffiliation{{node.name, part.jid, static_cast<int>(part.affiliation)}});
    tell_affiliation(c, node, part.jid, part.affiliation);
    settle_subscriptions(c, node, part);
}

/// §8.9.2.4: somebody must own the node afterwards.
Done check_parts(const Context& c, const Node& node, const std::vector<Part>& parts) {
    auto after = node.affiliations;
    for (const auto& part : parts) {
        if (c.service.personal && part.jid == c.service.jid && part.affiliation != Affiliation::owner)
            return refused(StanzaError::not_acceptable());
        after[part.jid] = part.affiliation;
    }
    const bool owned = c.service.personal ||
                       std::ranges::any_of(after, [](const auto& each) { return each.second == Affiliation::owner; });
    if (!owned) return refused(StanzaError::not_acceptable());
    if (after.size() > c.policy.affiliations + parts.size() / 2 && after.size() > c.policy.affiliations)
        return refused(StanzaError::resource_constraint());
    return {};
}

struct Wish {
    Jid jid;
    std::string subid;
    State state = State::none;
};

std::expected<std::vector<Wish>, StanzaError> read_wishes(const xml::Element& request) {
    std::vector<Wish> wishes;
    for (const auto* element : request.children()) {
        if (!element->is("subscription", kOwner)) continue;
        auto jid = Jid::parse(element->attribute("jid"));
        const auto state = state_of(element->attribute("subscription"));
        if (!jid || !state || wishes.size() >= 1000) return refused(StanzaError::bad_request());
        wishes.push_back({std::move(*jid), std::string{element->attribute("subid")}, *state});
    }
    if (wishes.empty()) return refused(StanzaError::bad_request());
    return wishes;
}

Done set_subscription(Context& c, Node& node, const Wish& wish) {
    auto* held = node.find_subscription(wish.jid);
    if (held && !wish.subid.empty() && wish.subid != held->subid)
        return refused(because(StanzaError::not_acceptable(), "invalid-subid"));
    if (wish.state == State::none) {
        if (held) drop_subscription(c, node, Subscription{*held}, true);
        return {};
    }
    if (!held) {
        if (node.subscriptions.size() >= c.policy.subscriptions)
            return refused(because(StanzaError::policy_violation(), "too-many-subscriptions"));
        node.add_subscription({wish.jid, c.request.make_id(), State::none, {}});
        held = node.find_subscription(wish.jid);
    }
    if (held->state == wish.state) return {};
    held->state = wish.state;
    c.record(change::PutSubscription{record_of(node, *held)});
    tell_state(c, node, *held);
    return {};
}

}  // namespace

Reply affiliations(Context& c, const xml::Element& request) {
    const auto found = owned_node_of(c, request);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (c.request.set) {
        const auto parts = read_parts(request);
        if (!parts) return refused(parts.error());
        if (auto fit = check_parts(c, node, *parts); !fit) return refused(fit.error());
        for (const auto& part : *parts) set_part(c, node, part);
        return std::nullopt;
    }
    xml::Element answer{"pubsub", kOwner};
    auto& list = answer.add("affiliations").set("node", node.name);
    for (const auto& [jid, affiliation] : node.affiliations)
        list.add("affiliation").set("jid", jid.str()).set("affiliation", to_text(affiliation));
    return answer;
}

Reply subscriptions(Context& c, const xml::Element& request) {
    const auto found = owned_node_of(c, request);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (c.request.set) {
        const auto wishes = read_wishes(request);
        if (!wishes) return refused(wishes.error());
        for (const auto& wish : *wishes) {
            if (auto set = set_subscription(c, node, wish); !set) return refused(set.error());
        }
        return std::nullopt;
    }
    xml::Element answer{"pubsub", kOwner};
    auto& list = answer.add("subscriptions").set("node", node.name);
    for (const auto& each : node.subscriptions)
        list.add("subscription")
            .set("jid", each.jid.str())
            .set("subid", each.subid)
            .set("subscription", to_text(each.state));
    return answer;
}

/// §8.6: the owner has answered. What is no longer asked is passed over.
Done approve(Context& c, const Form& form) {
    auto* node = c.service.find(form.first("pubsub#node"));
    if (!node) return refused(StanzaError::item_not_found());
    if (!c.is_owner(*node)) return refused(StanzaError::forbidden());
    const auto jid = Jid::parse(form.first("pubsub#subscriber_jid"));
    auto* held = jid ? node->find_subscription(*jid) : nullptr;
    if (!held || held->state != State::pending) return {};
    const auto subid = form.first("pubsub#subid");
    if (!subid.empty() && subid != held->subid) return {};
    if (!read_boolean(form.first("pubsub#allow")).value_or(false)) {
        drop_subscription(c, *node, Subscription{*held}, true);
        return {};
    }
    held->state = State::subscribed;
    c.record(change::PutSubscription{record_of(*node, *held)});
    tell_state(c, *node, *held);
    if (node->config.send_last != SendLast::never && node->items.newest())
        c.out.last_items.push_back({node->name, held->jid});
    return {};
}

}  // namespace carillon::pubsub
