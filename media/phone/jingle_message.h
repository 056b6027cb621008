/// Jingle Message Initiation: how a call rings on every device before one of them takes it.
/// Spec: XEP-0353 version 0.6, plus the older <accept/> to one's own devices that deployed clients still send.
/// Not here: what to do about it (call.h).
#pragma once
#include <optional>
#include <string>

#include "media/phone/element.h"

namespace carillon::phone {

struct JingleMessage {
    enum class Kind { propose, ringing, proceed, accept, reject, retract, finish };
    Kind kind = Kind::propose;
    std::string id;      ///< the session's sid to be
    std::string from;    ///< the sender's full JID
    bool audio = true;   ///< propose: has an audio description
    std::string reason;  ///< reject, retract, finish: a condition of XEP-0166 §7.4, or empty
};

/// From a <message/> stanza, forwarded copies apart; nullopt when it carries none.
std::optional<JingleMessage> parse_jingle_message(const Element& message);

/// A <message/> stanza to `to`, hinted to be stored so that devices that wake up later see it.
Element jingle_message(JingleMessage::Kind kind, const std::string& id, const std::string& to,
                       const std::string& reason = {});

}  // namespace carillon::phone
