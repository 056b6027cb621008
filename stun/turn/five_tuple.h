/// Who speaks to a TURN server: the key of an allocation.
/// Spec: RFC 8656 §2 (5-tuple), §3.1 (transports).
#pragma once
#include <cstring>
#include <functional>

#include "stun/message.h"

namespace carillon::stun::turn {

/// Between client and server.
enum class Transport : std::uint8_t { udp, tcp, tls, dtls };

constexpr bool is_stream(Transport transport) { return transport == Transport::tcp || transport == Transport::tls; }

struct FiveTuple {
    TransportAddress client;
    TransportAddress server;
    Transport transport = Transport::udp;
    friend bool operator==(const FiveTuple&, const FiveTuple&) = default;
};

struct FiveTupleHash {
    std::size_t operator()(const FiveTuple& tuple) const noexcept {
        std::uint64_t high;
        std::uint64_t low;
        std::memcpy(&high, tuple.client.ip.data(), 8);
        std::memcpy(&low, tuple.client.ip.data() + 8, 8);
        // The server's side hardly differs, so its port alone takes part.
        std::uint64_t mixed = (high ^ (low * 0x9E3779B97F4A7C15u)) + tuple.client.port * 0xC2B2AE3D27D4EB4Fu +
                              tuple.server.port + static_cast<unsigned>(tuple.transport);
        mixed ^= mixed >> 29;
        mixed *= 0xBF58476D1CE4E5B9u;
        return mixed ^ (mixed >> 32);
    }
};

/// Same host, whatever the port: what permissions are about.
inline bool same_ip(const TransportAddress& one, const TransportAddress& other) {
    return one.v6 == other.v6 && one.ip == other.ip;
}

}  // namespace carillon::stun::turn
