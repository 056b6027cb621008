#include "media/rtp/packet.h"

namespace carillon::rtp {

Parsed<Header> Header::parse(Bytes datagram) {
    if (datagram.size() < kFixedHeaderSize) return std::unexpected{Errc::truncated};
    const auto first = std::to_integer<unsigned>(datagram[0]);
    if (first >> 6 != 2) return std::unexpected{Errc::bad_version};
    const auto second = std::to_integer<unsigned>(datagram[1]);
    Header header{.marker = (second & 0x80) != 0,
                  .payload_type = static_cast<std::uint8_t>(second & 0x7F),
                  .sequence = {load_u16(datagram.data() + 2)},
                  .timestamp = load_u32(datagram.data() + 4),
                  .ssrc = load_u32(datagram.data() + 8),
                  .size = kFixedHeaderSize + 4 * (first & 0x0F)};
    if (header.size > datagram.size()) return std::unexpected{Errc::truncated};
    if ((first & 0x10) != 0) {  // §5.3.1: profile (16), length in words (16)
        if (header.size + 4 > datagram.size()) return std::unexpected{Errc::truncated};
        header.size += 4 + 4 * std::size_t{load_u16(datagram.data() + header.size + 2)};
        if (header.size > datagram.size()) return std::unexpected{Errc::truncated};
    }
    return header;
}

}  // namespace carillon::rtp
