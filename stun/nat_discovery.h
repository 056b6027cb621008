/// Binding requests of who finds out what a NAT does: answers from another address or port, padded on request.
/// Spec: RFC 5780 §6 (server behaviour), §7 (attributes).
/// Not here: plain Binding (binding_server.h), the four sockets (relay/turn).
#pragma once
#include <optional>

#include "stun/message.h"

namespace carillon::stun {

struct DiscoveryPlace {
    TransportAddress local;                 ///< where the request came in
    std::optional<TransportAddress> other;  ///< OTHER-ADDRESS: both differ; none over streams, or when there is none
    TransportAddress answered_from[2][2];   ///< by change of address, change of port
};

struct DiscoveryAnswer {
    Bytes bytes;  ///< empty: none is due
    bool change_address = false;
    bool change_port = false;
    std::optional<std::uint16_t> port;  ///< of the client's, instead of the one it asked from
};

/// `out` holds at least as much as the request and 256 octets.
DiscoveryAnswer answer_discovery(Bytes datagram, const TransportAddress& source, const DiscoveryPlace& place,
                                 std::span<std::byte> out);

}  // namespace carillon::stun
