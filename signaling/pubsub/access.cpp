/// Who may read, subscribe and publish.
/// Spec: XEP-0060 §4.5 (access models), §6.1.3, §6.5.9, §7.1.3.
#include <algorithm>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {

using xmpp::Jid;
using xmpp::StanzaError;

Affiliation Context::affiliation_in(const Service& service, const Node& node, const Jid& bare) {
    if (service.personal && bare == service.jid) return Affiliation::owner;
    return node.affiliation(bare);
}

namespace {

bool is_trusted(Affiliation affiliation) {
    return affiliation == Affiliation::owner || affiliation == Affiliation::publisher ||
           affiliation == Affiliation::member;
}

/// The access model alone, for somebody without a part in the node.
Done check_model(const Node& node, const People& people, const Jid& bare, bool subscribing) {
    switch (node.config.access) {
        case AccessModel::open:
            return {};
        case AccessModel::presence:
            if (people.sees_presence(node, bare)) return {};
            return refused(because(StanzaError::not_authorized(), "presence-subscription-required"));
        case AccessModel::roster:
            if (people.in_groups(node, bare, node.config.roster_groups)) return {};
            return refused(because(StanzaError::not_authorized(), "not-in-roster-group"));
        case AccessModel::authorize:
            if (subscribing || node.is_subscribed(bare)) return {};
            return refused(because(StanzaError::not_authorized(),
                                   node.is_pending(bare) ? "pending-subscription" : "not-subscribed"));
        case AccessModel::whitelist:
            return refused(because(StanzaError::not_allowed(), "closed-node"));
    }
    return refused(StanzaError::forbidden());
}

}  // namespace

Done check_read(const Service& service, const Node& node, const People& people, const Jid& bare) {
    const auto affiliation = Context::affiliation_in(service, node, bare);
    if (is_trusted(affiliation)) return {};
    if (affiliation == Affiliation::outcast || affiliation == Affiliation::publish_only || people.is_blocked(bare))
        return refused(StanzaError::forbidden());
    return check_model(node, people, bare, false);
}

bool may_read(const Service& service, const Node& node, const People& people, const Jid& bare) {
    return check_read(service, node, people, bare).has_value();
}

Done check_subscribe(Context& c, const Node& node, const Jid& bare) {
    if (!node.config.subscribe) return refused(unsupported("subscribe"));
    const auto affiliation = Context::affiliation_in(c.service, node, bare);
    if (is_trusted(affiliation)) return {};
    if (affiliation != Affiliation::none || c.people.is_blocked(bare)) return refused(StanzaError::forbidden());
    return check_model(node, c.people, bare, true);
}

Done check_publish(Context& c, const Node& node) {
    const auto affiliation = c.affiliation(node);
    if (affiliation == Affiliation::owner || affiliation == Affiliation::publisher ||
        affiliation == Affiliation::publish_only)
        return {};
    const auto bare = c.bare();
    if (affiliation == Affiliation::outcast || c.people.is_blocked(bare)) return refused(StanzaError::forbidden());
    if (node.config.publish == PublishModel::open) return {};
    if (node.config.publish == PublishModel::subscribers && node.is_subscribed(bare)) return {};
    return refused(StanzaError::forbidden());
}

}  // namespace carillon::pubsub
