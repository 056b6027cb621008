#include "signaling/stream/inline_features.h"

#include <array>

#include "config/base/log.h"
#include "signaling/stream/stream_text.h"

namespace carillon::stream {

namespace {

struct Feature {
    std::string_view ns;
    std::string_view type;  // of the IQ
    std::string_view name;
    bool unasked;  // done for every session, and not offered
};
constexpr auto kFeatures = std::to_array<Feature>({
    {"urn:xmpp:carbons:2", "set", "enable", false},
    {"urn:xmpp:mam:2", "get", "metadata", true},
});

const runtime::HandlerRegistry::Iq* handler_of(const runtime::VirtualHost& host, const Feature& feature) {
    return host.handlers.find_iq(runtime::Target::account, feature.type, feature.ns, feature.name);
}

/// The IQ that the client spares itself.
std::expected<xmpp::Stanza, xmpp::StanzaError> request_of(const Feature& feature, const xmpp::Jid& session,
                                                          const xml::Element* payload) {
    xml::Element iq{"iq", kClient};
    iq.set("type", feature.type).set("id", "bind").set("from", session.str()).set("to", session.bare().str());
    iq.append(payload ? *payload : xml::Element{feature.name, feature.ns});
    return xmpp::Stanza::parse(std::move(iq));
}

}  // namespace

std::vector<std::string> inline_features(const runtime::VirtualHost& host) {
    std::vector<std::string> names;
    for (const auto& feature : kFeatures) {
        if (!feature.unasked && handler_of(host, feature)) names.emplace_back(feature.ns);
    }
    return names;
}

boost::asio::awaitable<void> perform_inline(runtime::VirtualHost& host, xmpp::Jid session, const xml::Element& bind,
                                            xml::Element& bound) {
    for (const auto& feature : kFeatures) {
        const auto* payload = feature.unasked ? nullptr : bind.child(feature.name, feature.ns);
        if (!payload && !feature.unasked) continue;
        const auto* handler = handler_of(host, feature);
        if (!handler || handler->owner->closing) continue;
        const auto request = request_of(feature, session, payload);
        if (!request) continue;
        runtime::IqReply reply;
        try {
            if (handler->now) {
                reply = handler->now(*request);
            } else {
                const auto call = handler->later;
                const runtime::InFlight token{handler->owner};
                reply = co_await call(*request);
            }
        } catch (const std::exception& error) {
            log::error("a feature cannot be had at once", {{"ns", feature.ns}, {"what", error.what()}});
            continue;
        }
        if (reply && *reply) bound.append(std::move(**reply));
    }
}

}  // namespace carillon::stream
