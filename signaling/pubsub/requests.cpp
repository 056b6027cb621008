#include "signaling/pubsub/requests.h"

#include <array>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::StanzaError;

/// §5.6 to §7: <pubsub/> of everybody.
Reply user_request(Context& c, const xml::Element& pubsub) {
    for (const auto* child : pubsub.children()) {
        if (child->ns() != kPubsub) continue;
        const auto& name = child->name();
        if (c.request.set) {
            if (name == "publish") return publish(c, pubsub, *child);
            if (name == "retract") return retract(c, *child);
            if (name == "create") return create(c, pubsub, *child);
            if (name == "subscribe") return subscribe(c, pubsub, *child);
            if (name == "unsubscribe") return unsubscribe(c, *child);
            if (name == "options") return options(c, *child);
        } else {
            if (name == "items") return items(c, pubsub, *child);
            if (name == "subscriptions") return own_subscriptions(c, *child);
            if (name == "affiliations") return own_affiliations(c, *child);
            if (name == "options") return options(c, *child);
            if (name == "default") return default_options(c, *child);
        }
    }
    return refused(StanzaError::bad_request());
}

/// §8: <pubsub/> of owners.
Reply owner_request(Context& c, const xml::Element& pubsub) {
    for (const auto* child : pubsub.children()) {
        if (child->ns() != kOwner) continue;
        const auto& name = child->name();
        if (name == "configure") return configure(c, *child);
        if (name == "affiliations") return affiliations(c, *child);
        if (name == "subscriptions") return subscriptions(c, *child);
        if (name == "default" && !c.request.set) return default_config(c);
        if (name == "delete" && c.request.set) return remove_node(c, *child);
        if (name == "purge" && c.request.set) return purge(c, *child);
    }
    return refused(StanzaError::bad_request());
}

}  // namespace

std::expected<Node*, StanzaError> node_of(Context& c, const xml::Element& request) {
    const auto name = request.attribute("node");
    if (name.empty()) return refused(because(StanzaError::bad_request(), "nodeid-required"));
    auto* node = c.service.find(name);
    if (!node) return refused(StanzaError::item_not_found());
    return node;
}

std::expected<Node*, StanzaError> owned_node_of(Context& c, const xml::Element& request) {
    auto node = node_of(c, request);
    if (node && !c.is_owner(**node)) return refused(StanzaError::forbidden());
    return node;
}

Outcome handle(Service& service, const Policy& policy, const People& people, const Request& request) {
    Outcome out;
    Context c{service, policy, people, request, out};
    out.changes = expire(service, request.now);
    auto reply =
        request.payload->ns() == kOwner ? owner_request(c, *request.payload) : user_request(c, *request.payload);
    out.reply = std::move(reply);
    return out;
}

std::optional<Outcome> handle_approval(Service& service, const Policy& policy, const People& people,
                                       const Request& request) {
    const auto form = read_form(*request.payload);
    if (!form || form->cancelled || !form->is_of(kAuthorizationForm)) return std::nullopt;
    Outcome out;
    Context c{service, policy, people, request, out};
    if (auto done = approve(c, *form); !done) out.reply = refused(done.error());
    return out;
}

Outcome publish_own(Service& service, const Policy& policy, const People& people, const Request& request,
                    std::string_view node, std::string_view id, const xml::Element& payload) {
    xml::Element pubsub{"pubsub", kPubsub};
    auto& element = pubsub.add("publish").set("node", node);
    element.add("item").set("id", id).append(payload);
    Request own = request;
    own.from = service.jid;
    own.set = true;
    own.payload = &pubsub;
    return handle(service, policy, people, own);
}

Outcome retract_own(Service& service, const Policy& policy, const People& people, const Request& request,
                    std::string_view node, const std::vector<std::string>& ids) {
    xml::Element pubsub{"pubsub", kPubsub};
    auto& element = pubsub.add("retract").set("node", node).set("notify", "true");
    for (const auto& id : ids) element.add("item").set("id", id);
    Request own = request;
    own.from = service.jid;
    own.set = true;
    own.payload = &pubsub;
    return handle(service, policy, people, own);
}

}  // namespace carillon::pubsub
