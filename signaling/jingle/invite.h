/// Jingle Message Initiation: calls announced by messages before any session exists.
/// Spec: XEP-0353 0.6 (urn:xmpp:jingle-message:0 and :1).
/// Not here: who rings and for how long (calls/).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/jingle/jingle.h"

namespace carillon::jingle {

enum class InviteAction : std::uint8_t { propose, ringing, proceed, accept, reject, retract, finish };
std::string_view to_string(InviteAction action);

struct Invite {
    InviteAction action = InviteAction::propose;
    std::string id;  ///< the sid of the session to come
    std::string ns;  ///< as the sender wrote it: answers use the same
    Reason reason;
    std::string migrated_to;  ///< of a finish: the id of the session that takes over
    bool tie_break = false;
};

/// The invitation that a <message/> carries, or nothing.
std::optional<Invite> parse_invite(const xml::Element& message);

/// <reject/> and <retract/> with a reason, for a message that the server sends in the name of one side.
xml::Element make_invite(InviteAction action, std::string_view ns, std::string_view id, const Reason& reason);

}  // namespace carillon::jingle
