/// Which messages belong into a user's archive, and the ids that tell of it.
/// Spec: XEP-0313 1.1.3 §6.1.1, XEP-0334 0.4 (hints), XEP-0353 and XEP-0482 (calls), XEP-0184, XEP-0333; XEP-0359
/// 0.7.0 §3 (stanza ids).
/// Not here: what the user wants of it (preferences.h).
#pragma once
#include "signaling/xmpp/stanza.h"

namespace carillon::modules {

inline constexpr std::string_view kStanzaIds = "urn:xmpp:sid:0";

/// Whether the message is one that a user would miss in the history of a conversation.
bool worth_archiving(const xmpp::Stanza& message);

/// Takes away stanza ids that claim to be the work of `owner` or its host: only they make them (XEP-0359 §3.2.2).
void strip_stanza_ids(xml::Element& message, const xmpp::Jid& owner);
void add_stanza_id(xml::Element& message, const xmpp::Jid& owner, std::string_view id);

}  // namespace carillon::modules
