/// Frames for tests, built by hand.
#pragma once
#include <vector>

#include "media/capture/datagram.h"

namespace carillon::test {

using Octets = std::vector<std::byte>;

inline Octets join(std::initializer_list<Octets> parts) {
    Octets out;
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}
inline Octets octets(std::initializer_list<unsigned> values) {
    Octets out;
    for (const auto value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}
inline Octets udp(const Octets& payload) {
    ByteWriter out;
    out.u16(5004);
    out.u16(6004);
    out.u16(static_cast<std::uint16_t>(8 + payload.size()));
    out.u16(0);
    out.bytes(payload);
    return out.release();
}
/// 192.0.2.1 to 192.0.2.2; `fragment`: flags and offset as in the header.
inline Octets ipv4(const Octets& body, std::uint16_t fragment = 0, std::uint16_t id = 1, std::uint8_t protocol = 17) {
    ByteWriter out;
    out.u8(0x45);
    out.u8(0);
    out.u16(static_cast<std::uint16_t>(20 + body.size()));
    out.u16(id);
    out.u16(fragment);
    out.u8(64);
    out.u8(protocol);
    out.u16(0);
    out.u32(0xC0000201);
    out.u32(0xC0000202);
    out.bytes(body);
    return out.release();
}
/// 2001:db8::1 to 2001:db8::2
inline Octets ipv6(std::uint8_t next, const Octets& body) {
    ByteWriter out;
    out.u32(0x60000000);
    out.u16(static_cast<std::uint16_t>(body.size()));
    out.u8(next);
    out.u8(64);
    for (const std::uint8_t last : {1, 2}) {
        out.u32(0x20010DB8);
        out.zeros(11);
        out.u8(last);
    }
    out.bytes(body);
    return out.release();
}
inline Octets ethernet(std::uint16_t type, const Octets& body) {
    ByteWriter out;
    out.zeros(12);
    out.u16(type);
    out.bytes(body);
    return out.release();
}
inline Octets rtp_packet(std::uint16_t sequence, std::uint32_t ssrc = 7, std::uint8_t type = 0,
                         const Octets& payload = Octets(160)) {
    ByteWriter out;
    out.u8(0x80);
    out.u8(type);
    out.u16(sequence);
    out.u32(sequence * 160U);
    out.u32(ssrc);
    out.bytes(payload);
    return out.release();
}

}  // namespace carillon::test
