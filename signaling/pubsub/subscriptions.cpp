/// Subscriptions, as those who have them see them.
/// Spec: XEP-0060 §5.6, §5.7, §6.1 to §6.4.
#include <algorithm>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;
using xmpp::StanzaError;

void describe(xml::Element& into, const Node& node, const Subscription& subscription) {
    into.add("subscription")
        .set("node", node.name)
        .set("jid", subscription.jid.str())
        .set("subid", subscription.subid)
        .set("subscription", to_text(subscription.state));
}

/// §6.1.3.1: only for oneself.
std::expected<Jid, StanzaError> subscriber(const Context& c, const xml::Element& request) {
    auto jid = Jid::parse(request.attribute("jid"));
    if (!jid || !jid->same_bare(c.request.from)) return refused(because(StanzaError::bad_request(), "invalid-jid"));
    return *jid;
}

std::expected<SubscriptionOptions, StanzaError> read_options(const xml::Element& element, SubscriptionOptions before) {
    const auto* x = element.child("x", kForm);
    const auto form = x ? read_form(*x) : std::nullopt;
    if (!form) return refused(because(StanzaError::bad_request(), "invalid-options"));
    auto read = apply(std::move(before), *form);
    if (!read) return refused(because(StanzaError::bad_request(), "invalid-options"));
    return *read;
}

Done check_room(const Context& c, const Node& node) {
    if (node.subscriptions.size() >= c.policy.subscriptions ||
        c.service.subscriptions_of(c.bare()) >= c.policy.subscriptions_per_user)
        return refused(because(StanzaError::policy_violation(), "too-many-subscriptions"));
    return {};
}

std::expected<Subscription*, StanzaError> subscription_of(const Context& c, Node& node, const xml::Element& request) {
    const auto jid = subscriber(c, request);
    if (!jid) return refused(jid.error());
    auto* found = node.find_subscription(*jid);
    if (!found) return refused(because(StanzaError::unexpected_request(), "not-subscribed"));
    const auto subid = request.attribute("subid");
    if (!subid.empty() && subid != found->subid)
        return refused(because(StanzaError::not_acceptable(), "invalid-subid"));
    return found;
}

void tell_owners(Context& c, const Node& node, const Subscription& subscription) {
    for (const auto& owner : node.owners()) {
        if (owner == subscription.jid.bare()) continue;
        xml::Element event{"event", kEvent};
        describe(event, node, subscription);
        Direct direct{owner, {}, node.config.chat};
        direct.payload.push_back(std::move(event));
        c.out.directs.push_back(std::move(direct));
    }
}

Reply answer_subscribed(const Node& node, const Subscription& subscription) {
    xml::Element answer{"pubsub", kPubsub};
    describe(answer, node, subscription);
    return answer;
}

}  // namespace

Reply subscribe(Context& c, const xml::Element& pubsub, const xml::Element& subscribe) {
    const auto found = node_of(c, subscribe);
    if (!found) return refused(found.error());
    auto& node = **found;
    const auto jid = subscriber(c, subscribe);
    if (!jid) return refused(jid.error());
    if (node.is_pending(c.bare())) return refused(because(StanzaError::not_authorized(), "pending-subscription"));
    if (auto allowed = check_subscribe(c, node, jid->bare()); !allowed) return refused(allowed.error());
    if (const auto* there = node.find_subscription(*jid)) return answer_subscribed(node, *there);  // §6.1.6
    if (auto room = check_room(c, node); !room) return refused(room.error());
    Subscription made{*jid, c.request.make_id(), State::subscribed, {}};
    if (const auto* wanted = pubsub.child("options", kPubsub)) {
        auto read = read_options(*wanted, {});
        if (!read) return refused(read.error());
        made.options = std::move(*read);
    }
    const auto affiliation = c.affiliation(node);
    if (node.config.access == AccessModel::authorize && affiliation == Affiliation::none) made.state = State::pending;
    c.record(change::PutSubscription{record_of(node, made)});
    node.add_subscription(made);
    if (made.state == State::pending) ask_owners(c, node, made);
    if (node.config.notify_sub) tell_owners(c, node, made);
    const bool sends_last = node.config.send_last != SendLast::never && !node.config.collection;
    if (made.state == State::subscribed && made.options.deliver && sends_last && node.items.newest())
        c.out.last_items.push_back({node.name, made.jid});
    return answer_subscribed(node, made);
}

Reply unsubscribe(Context& c, const xml::Element& unsubscribe) {
    const auto found = node_of(c, unsubscribe);
    if (!found) return refused(found.error());
    const auto subscription = subscription_of(c, **found, unsubscribe);
    if (!subscription) return refused(subscription.error());
    const auto subid = (*subscription)->subid;
    const auto jid = (*subscription)->jid;
    drop_subscription(c, **found, Subscription{**subscription}, false);
    xml::Element answer{"pubsub", kPubsub};
    describe(answer, **found, {jid, subid, State::none, {}});
    return answer;
}

Reply options(Context& c, const xml::Element& options) {
    const auto found = node_of(c, options);
    if (!found) return refused(found.error());
    auto& node = **found;
    const auto subscription = subscription_of(c, node, options);
    if (!subscription) return refused(subscription.error());
    auto& held = **subscription;
    if (c.request.set) {
        auto read = read_options(options, held.options);
        if (!read) return refused(read.error());
        held.options = std::move(*read);
        c.record(change::PutSubscription{record_of(node, held)});
        return std::nullopt;
    }
    xml::Element answer{"pubsub", kPubsub};
    answer.add("options")
        .set("node", node.name)
        .set("jid", held.jid.str())
        .set("subid", held.subid)
        .append(to_form(held.options, "form", node.config.collection));
    return answer;
}

Reply default_options(Context& c, const xml::Element& request) {
    const auto* node = c.service.find(request.attribute("node"));
    if (!node && !request.attribute("node").empty()) return refused(StanzaError::item_not_found());
    xml::Element answer{"pubsub", kPubsub};
    auto& made = answer.add("default");
    if (node) made.set("node", node->name);
    made.append(to_form(SubscriptionOptions{}, "form", node && node->config.collection));
    return answer;
}

Reply own_subscriptions(Context& c, const xml::Element& request) {
    const auto only = request.attribute("node");
    if (!only.empty() && !c.service.find(only)) return refused(StanzaError::item_not_found());
    xml::Element answer{"pubsub", kPubsub};
    auto& list = answer.add("subscriptions");
    if (!only.empty()) list.set("node", only);
    for (const auto& [name, node] : c.service.nodes) {
        if ((!only.empty() && name != only) || !node.subscribers.contains(c.bare())) continue;
        for (const auto& each : node.subscriptions) {
            if (each.jid.same_bare(c.request.from)) describe(list, node, each);
        }
    }
    return answer;
}

Reply own_affiliations(Context& c, const xml::Element& request) {
    const auto only = request.attribute("node");
    if (!only.empty() && !c.service.find(only)) return refused(StanzaError::item_not_found());
    xml::Element answer{"pubsub", kPubsub};
    auto& list = answer.add("affiliations");
    if (!only.empty()) list.set("node", only);
    for (const auto& [name, node] : c.service.nodes) {
        const auto affiliation = c.affiliation(node);
        if ((!only.empty() && name != only) || affiliation == Affiliation::none) continue;
        list.add("affiliation").set("node", name).set("affiliation", to_text(affiliation));
    }
    return answer;
}

void drop_subscription(Context& c, Node& node, const Subscription& subscription, bool tell) {
    node.drop_subscription(subscription.jid);
    c.record(change::DropSubscription{node.name, subscription.jid, subscription.subid});
    if (tell) tell_state(c, node, {subscription.jid, subscription.subid, State::none, {}});
}

/// The access model has changed: those who may no longer, are no longer.
void reevaluate(Context& c, Node& node) {
    for (const auto& subscription : std::vector<Subscription>{node.subscriptions}) {
        const auto bare = subscription.jid.bare();
        if (subscription.state == State::pending) {
            if (node.config.access == AccessModel::authorize) continue;
            if (!may_read(c.service, node, c.people, bare)) {
                drop_subscription(c, node, subscription, true);
                continue;
            }
            auto* held = node.find_subscription(subscription.jid);
            held->state = State::subscribed;
            c.record(change::PutSubscription{record_of(node, *held)});
            tell_state(c, node, *held);
        } else if (!may_read(c.service, node, c.people, bare)) {
            drop_subscription(c, node, subscription, true);
        }
    }
}

}  // namespace carillon::pubsub
