/// UDP datagrams out of captured frames: link layer, VLAN tags, IPv4 and IPv6 with fragments.
/// Spec: IEEE 802.1Q; LINKTYPE_LINUX_SLL, _SLL2, _NULL; RFC 791 §3.2, RFC 8200 §4.5 (reassembly), RFC 768.
/// Not here: checksums (captures of offloading cards have none that fit), TCP, what the datagrams say.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/capture/capture_file.h"

namespace carillon::capture {

/// An address and port; IPv4 is kept v4-mapped (RFC 4291 §2.5.5.2).
struct Endpoint {
    std::array<std::byte, 16> address{};
    std::uint16_t port = 0;
    auto operator<=>(const Endpoint&) const = default;
    std::string to_string() const;  ///< 192.0.2.1:5004, [2001:db8::1]:5004
};

struct Datagram {
    Time time{};  ///< of the frame that completed it
    Endpoint source;
    Endpoint destination;
    std::vector<std::byte> payload;
};

/// Frames that gave no datagram, by reason.
struct Leftover {
    std::uint64_t not_ip = 0, not_udp = 0, malformed = 0, cut_short = 0, fragments_lost = 0;
};

/// Threading: one thread at a time. Owns: fragments that wait for the rest, within bounds.
class DatagramReader {
  public:
    explicit DatagramReader(Link link) : link_{link} {}
    std::optional<Datagram> read(const Frame& frame);
    const Leftover& leftover() const { return leftover_; }

  private:
    struct FragmentKey {
        std::array<std::byte, 16> source, destination;
        std::uint32_t id;
        std::uint8_t protocol;
        auto operator<=>(const FragmentKey&) const = default;
    };
    struct Partial {
        std::map<std::size_t, std::vector<std::byte>> pieces;  // by offset
        std::optional<std::size_t> total;
        std::size_t octets = 0;
    };

    std::optional<Datagram> read_ipv4(Bytes packet, const Frame& frame);
    std::optional<Datagram> read_ipv6(Bytes packet, const Frame& frame);
    std::optional<Datagram> read_udp(Bytes segment, const FragmentKey& ends, const Frame& frame);
    std::optional<Datagram> add_fragment(const FragmentKey& key, std::size_t offset, bool more, Bytes piece,
                                         const Frame& frame);
    std::optional<Datagram> malformed(const Frame& frame);

    Link link_;
    Leftover leftover_;
    std::map<FragmentKey, Partial> partial_;
    std::deque<FragmentKey> partial_order_;  // oldest first
};

}  // namespace carillon::capture
