/// Presence subscription states: what each of the four presences does to a roster item, in and out.
/// Spec: RFC 6121 §3 and appendix A; pre-approval §3.4.
/// Not here: sending what is to be sent (modules/presence), storing (storage/).
#pragma once
#include <string_view>

#include "signaling/session/roster.h"

namespace carillon::session {

enum class Change : std::uint8_t { subscribe, subscribed, unsubscribe, unsubscribed };

/// What is to be done once the item has its new state.
struct Effect {
    bool pass = false;              ///< outbound: route it to the contact; inbound: deliver it to the user
    bool changed = false;           ///< the item is new or other than before: store it, push it if it is listed
    bool auto_subscribed = false;   ///< inbound subscribe: answer "subscribed" on the user's behalf
    bool send_presence = false;     ///< the contact may see the user's presence from now on: send it
    bool send_unavailable = false;  ///< the contact may no longer: send unavailable
};

/// The user sends `change` to the contact of `item` (appendix A.2).
Effect outbound(RosterItem& item, Change change);
/// The contact of `item` sends `change` to the user (appendix A.3). `request` is kept for later sessions.
Effect inbound(RosterItem& item, Change change, std::string_view request);
/// Whether nothing is left that the roster should remember of an item that the user did not list.
bool is_empty(const RosterItem& item);

}  // namespace carillon::session
