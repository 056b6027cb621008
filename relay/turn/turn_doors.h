/// The addresses and ports that a TURN server listens on: the STUN port, the one for TLS, and RFC 5780's alternates.
#pragma once
#include <string>
#include <vector>

#include "relay/turn/stream_socket.h"
#include "relay/turn/turn_shared.h"

namespace carillon::relay {

struct TurnDoor {
    std::string ip;
    std::uint16_t port = 0;
    bool streams = true;     ///< TCP and TLS, too
    bool discovery = false;  ///< one of the four sockets of NAT discovery
    bool alternate_address = false;
    bool alternate_port = false;

    stun::TransportAddress local() const;
};

/// Throws std::runtime_error with the remedy.
std::vector<TurnDoor> turn_doors(const TurnOptions& options, const std::vector<std::string>& bind, std::uint16_t port);

/// A listening socket; `shared`: one of several on the port. Throws std::runtime_error with the remedy.
StreamSocket listen_for_turn(const TurnDoor& door, bool shared);

}  // namespace carillon::relay
