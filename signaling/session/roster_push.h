/// Roster items as XML, and pushing a changed one to the user's interested resources.
/// Spec: RFC 6121 §2.1 (syntax), §2.1.6 (roster push), §2.6 (versions).
#pragma once
#include <string>

#include "signaling/session/session.h"

namespace carillon::session {

inline constexpr std::string_view kRosterNs = "jabber:iq:roster";

xml::Element roster_item(const RosterItem& item);
/// Sends the item to every interested session; `removed`: as subscription='remove'.
void push_roster_item(Account& account, const RosterItem& item, bool removed);

}  // namespace carillon::session
