/// Takes a session's undirected presence into its state and tells the modules.
/// Spec: RFC 6121 §4.2 (initial), §4.4 (subsequent), §4.5 (unavailable), §4.7.2.3 (priority).
/// Not here: broadcasting it (modules/presence).
#pragma once
#include "signaling/session/session_server.h"

namespace carillon::router {

/// Whether it may be taken: available or unavailable, with a priority that is one. Nothing when all is well.
std::optional<xmpp::StanzaError> check_presence(const xmpp::Stanza& presence);

/// Takes a presence that check_presence() found good.
void apply_presence(session::SessionServer& sessions, session::LocalSession& session, xmpp::Stanza presence);

}  // namespace carillon::router
