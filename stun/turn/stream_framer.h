/// Cuts the octets of a stream into STUN messages and ChannelData messages.
/// Spec: RFC 8489 §6.2.2 (a message's own length frames it), RFC 8656 §12.5 (padding to four octets over streams).
#pragma once
#include <optional>

#include "config/base/bytes.h"
#include "config/base/errc.h"
#include "stun/message.h"
#include "stun/turn/channel_data.h"

namespace carillon::stun::turn {

struct StreamFrame {
    Bytes message;         ///< without padding
    std::size_t size = 0;  ///< of the stream's octets that it takes, padding included
};

/// The first frame of `input`; nullopt: more octets are needed. Fails when they are neither STUN nor ChannelData, or
/// announce more than `most` octets: there is no way to find the next message then.
inline Parsed<std::optional<StreamFrame>> first_frame(Bytes input, std::size_t most) {
    if (input.empty()) return std::nullopt;
    const bool channel = std::to_integer<unsigned>(input[0]) >> 6 == 1;
    if (!channel && std::to_integer<unsigned>(input[0]) > 3) return std::unexpected{Errc::bad_value};
    if (input.size() < 4) return std::nullopt;
    const std::size_t length = load_u16(input.data() + 2);
    if (!channel && length % 4 != 0) return std::unexpected{Errc::bad_value};
    if (!channel && input.size() >= 8 && load_u32(input.data() + 4) != kMagicCookie)
        return std::unexpected{Errc::bad_value};
    const std::size_t whole = (channel ? kChannelHeader : kHeaderSize) + length;
    const std::size_t padded = (whole + 3) & ~std::size_t{3};
    if (padded > most) return std::unexpected{Errc::too_large};
    if (input.size() < padded) return std::nullopt;
    return StreamFrame{input.first(whole), padded};
}

}  // namespace carillon::stun::turn
