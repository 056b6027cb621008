/// RTP headers and their demultiplexing from RTCP, read without copying.
/// Spec: RFC 3550 §5.1, §5.3.1; RFC 5761 §4 (RTP and RTCP on one port); RFC 7983 §7 (first octet).
#pragma once
#include <cstdint>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::rtp {

inline constexpr std::size_t kFixedHeaderSize = 12;

/// Sequence number in the order of RFC 1982.
struct SequenceNumber {
    std::uint16_t value = 0;
    friend bool operator==(SequenceNumber, SequenceNumber) = default;
    /// How far `to` lies after `from`: -32768..32767.
    static int distance(SequenceNumber from, SequenceNumber to) {
        return static_cast<std::int16_t>(static_cast<std::uint16_t>(to.value - from.value));
    }
};

/// Version 2 and as long as the shortest RTCP packet: what RTP and RTCP have in common.
inline bool looks_like_rtp_or_rtcp(Bytes datagram) {
    return datagram.size() >= 8 && (std::to_integer<unsigned>(datagram[0]) & 0xC0) == 0x80;
}
/// RFC 5761 §4: packet types 192..223 are RTCP, so payload types 64..95 are not used with it.
inline bool is_rtcp(Bytes datagram) {
    const auto type = std::to_integer<unsigned>(datagram[1]);
    return type >= 192 && type <= 223;
}

struct Header {
    bool marker = false;
    std::uint8_t payload_type = 0;  ///< 0..127
    SequenceNumber sequence;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
    std::size_t size = 0;  ///< octets up to the payload: CSRCs and header extension included

    ///  0                   1                   2                   3
    /// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    /// |                           timestamp                           |
    /// |                             SSRC                              |
    static Parsed<Header> parse(Bytes datagram);
};

}  // namespace carillon::rtp
