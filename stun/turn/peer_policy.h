/// With which peers clients may exchange data: the wall between a TURN server's clients and the networks behind it.
/// Spec: RFC 8656 §21.2.1 (relay attacks on internal services), RFC 6890 (special-purpose addresses).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stun/message.h"

namespace carillon::stun::turn {

/// An address and how many of its bits count: 10.0.0.0/8.
struct Prefix {
    TransportAddress base;
    unsigned bits = 0;
    /// nullopt when it is none; an address alone is a prefix of all its bits.
    static std::optional<Prefix> parse(std::string_view text);
    bool contains(const TransportAddress& address) const;
};

/// The address that packets to `address` arrive at in the end: the IPv4 address inside a v4-mapped, v4-compatible,
/// NAT64, 6to4, Teredo or ISATAP one; else itself. What is refused as IPv4 is refused in each of its disguises.
TransportAddress canonical(const TransportAddress& address);

/// Whether the address is of the public Internet: none of the special-purpose ranges, and no multicast.
bool is_public(const TransportAddress& address);

/// Threading: any; constant after it was made.
class PeerPolicy {
  public:
    struct Settings {
        std::vector<Prefix> allowed;  ///< although they are not public
        std::vector<Prefix> denied;   ///< although they would be allowed
        /// Every address of this host: not reached, public or not, but for the relay ports below.
        std::vector<TransportAddress> own;
        /// Where allocations are told to be, and their ports: one client of this server speaks to another.
        std::vector<TransportAddress> relayed;
        std::uint16_t first_port = 0;
        std::uint16_t last_port = 0;
    };
    explicit PeerPolicy(Settings settings) : settings_{std::move(settings)} {}

    /// CreatePermission: the port does not count (RFC 8656 §10), except at the relay's own addresses, where it is
    /// what tells another allocation from a service of this host.
    bool admits_host(const TransportAddress& peer) const;
    /// ChannelBind, Send, Connect, and what comes in.
    bool admits(const TransportAddress& peer) const;

  private:
    bool is_relay_port(const TransportAddress& peer) const;
    bool listed_or_public(const TransportAddress& peer) const;
    Settings settings_;
};

}  // namespace carillon::stun::turn
