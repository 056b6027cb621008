#include "media/capture/datagram.h"

#include <arpa/inet.h>

#include <algorithm>

namespace carillon::capture {
namespace {

constexpr std::size_t kMaxPartials = 256;
constexpr std::size_t kMaxDatagram = 65535;
constexpr std::size_t kMaxPieces = 128;
constexpr unsigned kMaxVlanTags = 4;
constexpr unsigned kMaxExtensionHeaders = 8;

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD, kVlan = 0x8100, kServiceVlan = 0x88A8;
constexpr std::uint8_t kUdp = 17, kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;

struct Network {
    std::uint16_t type;
    Bytes packet;
};

std::optional<Network> strip_vlan(ByteReader in, std::uint16_t type) {
    for (unsigned tags = 0; type == kVlan || type == kServiceVlan; ++tags) {
        if (tags == kMaxVlanTags || !in.skip(2)) return std::nullopt;
        const auto next = in.u16();
        if (!next) return std::nullopt;
        type = *next;
    }
    return Network{type, in.rest()};
}

/// Past the link layer's header; a link without a type field is judged by the IP version.
std::optional<Network> strip_link(Link link, Bytes frame) {
    ByteReader in{frame};
    const auto typed = [&](std::size_t before, std::size_t after) -> std::optional<Network> {
        if (!in.skip(before)) return std::nullopt;
        const auto type = in.u16();
        if (!type || !in.skip(after)) return std::nullopt;
        return strip_vlan(in, *type);
    };
    switch (link) {
        case Link::ethernet:
            return typed(12, 0);
        case Link::linux_sll:
            return typed(14, 0);
        case Link::linux_sll2:
            return typed(0, 18);
        case Link::null_loopback:
            if (!in.skip(4)) return std::nullopt;
            break;
        default:
            break;
    }
    if (in.empty()) return std::nullopt;
    return Network{std::to_integer<unsigned>(in.rest()[0]) >> 4 == 6 ? kIpv6 : kIpv4, in.rest()};
}

std::array<std::byte, 16> mapped(Bytes four) {
    std::array<std::byte, 16> address{};
    address[10] = address[11] = std::byte{0xFF};
    std::ranges::copy(four, address.begin() + 12);
    return address;
}

std::array<std::byte, 16> whole(Bytes sixteen) {
    std::array<std::byte, 16> address{};
    std::ranges::copy(sixteen, address.begin());
    return address;
}

}  // namespace

std::string Endpoint::to_string() const {
    char text[INET6_ADDRSTRLEN] = {};
    const bool v4 = std::ranges::equal(Bytes{address}.first(12), Bytes{mapped(Bytes{address}.last(4))}.first(12));
    inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof text);
    return (v4 ? std::string{text} : "[" + std::string{text} + "]") + ":" + std::to_string(port);
}

std::optional<Datagram> DatagramReader::malformed(const Frame& frame) {
    ++(frame.cut_short ? leftover_.cut_short : leftover_.malformed);
    return std::nullopt;
}

std::optional<Datagram> DatagramReader::read(const Frame& frame) {
    const auto network = strip_link(link_, frame.data);
    if (!network) return malformed(frame);
    if (network->type == kIpv4) return read_ipv4(network->packet, frame);
    if (network->type == kIpv6) return read_ipv6(network->packet, frame);
    ++leftover_.not_ip;
    return std::nullopt;
}

std::optional<Datagram> DatagramReader::read_ipv4(Bytes packet, const Frame& frame) {
    if (packet.size() < 20 || std::to_integer<unsigned>(packet[0]) >> 4 != 4) return malformed(frame);
    const auto header = (std::to_integer<std::size_t>(packet[0]) & 15) * 4;
    const std::size_t total = load_u16(&packet[2]);
    // Longer is padding of the link. Zero is left by cards that segment themselves: then the frame's length counts.
    const auto size = total == 0 ? packet.size() : total;
    if (header < 20 || size < header || size > packet.size()) return malformed(frame);
    const FragmentKey ends{mapped(packet.subspan(12, 4)), mapped(packet.subspan(16, 4)), load_u16(&packet[4]),
                           std::to_integer<std::uint8_t>(packet[9])};
    if (ends.protocol != kUdp) {
        ++leftover_.not_udp;
        return std::nullopt;
    }
    const auto body = packet.subspan(header, size - header);
    const auto flags = load_u16(&packet[6]);
    const bool more = (flags & 0x2000) != 0;
    const std::size_t offset = (flags & 0x1FFFU) * 8;
    if (more || offset != 0) return add_fragment(ends, offset, more, body, frame);
    return read_udp(body, ends, frame);
}

std::optional<Datagram> DatagramReader::read_ipv6(Bytes packet, const Frame& frame) {
    if (packet.size() < 40 || std::to_integer<unsigned>(packet[0]) >> 4 != 6) return malformed(frame);
    const std::size_t length = load_u16(&packet[4]);
    if (40 + length > packet.size()) return malformed(frame);
    FragmentKey ends{whole(packet.subspan(8, 16)), whole(packet.subspan(24, 16)), 0, kUdp};
    auto next = std::to_integer<std::uint8_t>(packet[6]);
    auto body = packet.subspan(40, length == 0 ? packet.size() - 40 : length);
    for (unsigned i = 0; i < kMaxExtensionHeaders; ++i) {
        if (next == kUdp) return read_udp(body, ends, frame);
        if (body.size() < 8) return malformed(frame);
        const auto following = std::to_integer<std::uint8_t>(body[0]);
        if (next == kFragment) {
            if (following != kUdp) break;
            ends.id = load_u32(&body[4]);
            const auto field = load_u16(&body[2]);
            return add_fragment(ends, field & 0xFFF8U, (field & 1) != 0, body.subspan(8), frame);
        }
        if (next != kHopByHop && next != kRouting && next != kDestinationOptions) break;
        const auto size = (std::to_integer<std::size_t>(body[1]) + 1) * 8;
        if (size > body.size()) return malformed(frame);
        body = body.subspan(size);
        next = following;
    }
    ++leftover_.not_udp;
    return std::nullopt;
}

std::optional<Datagram> DatagramReader::read_udp(Bytes segment, const FragmentKey& ends, const Frame& frame) {
    if (segment.size() < 8) return malformed(frame);
    const std::size_t length = load_u16(&segment[4]);
    if (length < 8 || length > segment.size()) return malformed(frame);
    const auto payload = segment.subspan(8, length - 8);
    return Datagram{.time = frame.time,
                    .source = {ends.source, load_u16(segment.data())},
                    .destination = {ends.destination, load_u16(&segment[2])},
                    .payload = {payload.begin(), payload.end()}};
}

std::optional<Datagram> DatagramReader::add_fragment(const FragmentKey& key, std::size_t offset, bool more, Bytes piece,
                                                     const Frame& frame) {
    if (offset + piece.size() > kMaxDatagram || (more && piece.size() % 8 != 0)) return malformed(frame);
    const auto [at, fresh] = partial_.try_emplace(key);
    if (fresh) {
        partial_order_.push_back(key);
        if (partial_order_.size() > kMaxPartials) {
            leftover_.fragments_lost += partial_.erase(partial_order_.front());
            partial_order_.pop_front();
        }
    }
    auto& partial = at->second;
    if (!more) partial.total = offset + piece.size();
    if (partial.pieces.size() < kMaxPieces && partial.pieces.try_emplace(offset, piece.begin(), piece.end()).second) {
        partial.octets += piece.size();
    }
    if (!partial.total || partial.octets != *partial.total) return std::nullopt;
    std::vector<std::byte> datagram;
    bool contiguous = true;
    for (const auto& [where, bytes] : partial.pieces) {
        contiguous = contiguous && where == datagram.size();
        datagram.insert(datagram.end(), bytes.begin(), bytes.end());
    }
    partial_.erase(at);
    std::erase(partial_order_, key);
    if (!contiguous) return malformed(frame);  // overlapping pieces (RFC 5722 drops them)
    return read_udp(datagram, key, frame);
}

}  // namespace carillon::capture
