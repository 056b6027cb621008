/// What the service of rooms answers in its own name: what it is, which rooms there are.
/// Spec: XEP-0045 1.35.1 §6.2, §6.3; XEP-0030; XEP-0059 1.0 §3.
/// Not here: rooms (room.h).
#pragma once
#include <map>
#include <string>

#include "signaling/modules/muc/settings.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::modules::rooms {

/// The rooms that are shown, with their names. Threading: the shard that owns the service's address.
using Directory = std::map<xmpp::Jid, std::string>;

runtime::IqReply answer_for_service(const xmpp::Stanza& iq, const Directory& directory, const Settings& settings);

}  // namespace carillon::modules::rooms
