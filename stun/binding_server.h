/// The answer of a STUN binding server, without sockets.
/// Spec: RFC 8489 §7.3, §13; no authentication (§12), answers never much longer than what was asked.
/// Not here: rate limits and sockets (relay/binding), TURN.
#pragma once
#include <span>

#include "stun/message.h"

namespace carillon::stun {

/// The response to write into `out` (at least 256 octets) for a datagram from `source`; empty when none is due:
/// not a binding request, or malformed, or with a wrong FINGERPRINT.
Bytes answer_binding(Bytes datagram, const TransportAddress& source, std::span<std::byte> out);

}  // namespace carillon::stun
