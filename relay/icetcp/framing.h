/// Cuts the octets of an ICE connection into datagrams.
/// Spec: RFC 4571 §2 (a length of two octets before each packet), RFC 6544 §3.
#pragma once
#include <array>
#include <optional>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::relay::icetcp {

inline constexpr std::size_t kHeader = 2;

struct Frame {
    Bytes packet;          ///< may be empty: RFC 4571 has null packets, which say nothing
    std::size_t size = 0;  ///< of the connection's octets that it takes
};

/// The first frame of `input`; nullopt: more octets are needed. Fails when it announces more than `most` octets.
inline Parsed<std::optional<Frame>> first_frame(Bytes input, std::size_t most) {
    if (input.size() < kHeader) return std::nullopt;
    const std::size_t length = load_u16(input.data());
    if (length > most) return std::unexpected{Errc::too_large};
    if (input.size() < kHeader + length) return std::nullopt;
    return Frame{input.subspan(kHeader, length), kHeader + length};
}

inline std::array<std::byte, kHeader> header_of(std::size_t length) {
    std::array<std::byte, kHeader> header;
    store_u16(header.data(), static_cast<std::uint16_t>(length));
    return header;
}

}  // namespace carillon::relay::icetcp
