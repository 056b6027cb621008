#include "signaling/router/presence_state.h"

#include "signaling/router/delivery_rules.h"

namespace carillon::router {

std::optional<xmpp::StanzaError> check_presence(const xmpp::Stanza& presence) {
    if (!presence.type().empty() && presence.type() != "unavailable") return xmpp::StanzaError::bad_request();
    if (!parse_priority(presence.element().child_text("priority"))) return xmpp::StanzaError::bad_request();
    return std::nullopt;
}

void apply_presence(session::SessionServer& sessions, session::LocalSession& session, xmpp::Stanza presence) {
    auto& host = static_cast<session::LocalAccount&>(session.account()).host();
    const bool was_available = session.available();
    if (host.handlers.intercept(runtime::Stage::from_local, presence) == runtime::Verdict::taken) {
        return sessions.presence_changed(session, was_available, nullptr);
    }
    if (presence.type().empty()) {
        session.set_presence(presence, parse_priority(presence.element().child_text("priority")).value_or(0));
    } else {
        session.set_presence(std::nullopt, 0);
    }
    sessions.presence_changed(session, was_available, &presence);
}

}  // namespace carillon::router
