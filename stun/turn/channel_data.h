/// ChannelData: the short frame for data of a channel.
/// Spec: RFC 8656 §12.4 to §12.6.
#pragma once
#include <optional>

#include "config/base/bytes.h"

namespace carillon::stun::turn {

inline constexpr std::uint16_t kFirstChannel = 0x4000;
inline constexpr std::uint16_t kLastChannel = 0x7FFE;  ///< RFC 5766 clients use them all; RFC 8656 ones end at 0x4FFF
inline constexpr std::size_t kChannelHeader = 4;

/// A first octet of 0x40 to 0x7F tells channels from STUN and DTLS (RFC 5766 §11, RFC 7983 §7).
inline bool looks_like_channel_data(Bytes bytes) {
    return bytes.size() >= kChannelHeader && std::to_integer<unsigned>(bytes[0]) >> 6 == 1;
}

struct ChannelData {
    std::uint16_t channel = 0;
    Bytes data;

    //  |        channel number         |            length             |
    //  |   data ... padded to four octets over streams, over UDP perhaps |
    static std::optional<ChannelData> parse(Bytes bytes) {
        if (!looks_like_channel_data(bytes)) return std::nullopt;
        const std::size_t length = load_u16(bytes.data() + 2);
        if (length > bytes.size() - kChannelHeader) return std::nullopt;  // §12.6: silently discarded
        return ChannelData{load_u16(bytes.data()), bytes.subspan(kChannelHeader, length)};
    }
    static void write_header(std::byte* at, std::uint16_t channel, std::size_t length) {
        store_u16(at, channel);
        store_u16(at + 2, static_cast<std::uint16_t>(length));
    }
};

}  // namespace carillon::stun::turn
