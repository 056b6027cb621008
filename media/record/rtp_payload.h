/// What is inside an RTP packet for a recording: without padding, and out of RED.
/// Spec: RFC 3550 §5.1 (padding), RFC 2198 §3 (RED).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "media/rtp/packet.h"

namespace carillon::record {

/// Encoding names by payload type, "opus/48000"; the static ones of RFC 3551 need not be there.
using PayloadNames = std::map<std::uint8_t, std::string>;

inline Bytes payload_of(const rtp::Header& header, Bytes packet) {
    auto payload = packet.subspan(header.size);
    const bool padded = (std::to_integer<unsigned>(packet[0]) & 0x20) != 0;
    if (!padded || payload.empty()) return payload;
    const auto padding = std::to_integer<std::size_t>(payload.back());
    return padding <= payload.size() ? payload.first(payload.size() - padding) : Bytes{};
}

/// Block headers of four octets, of the last one octet; the last block is the primary. With its payload type.
inline std::optional<std::pair<std::uint8_t, Bytes>> primary_of(Bytes payload) {
    ByteReader in{payload};
    std::size_t redundant = 0;
    for (;;) {
        const auto head = in.u8();
        if (!head) return std::nullopt;
        if ((*head & 0x80) == 0) {
            if (!in.skip(redundant)) return std::nullopt;
            return std::pair{*head, in.rest()};
        }
        const auto rest = in.u24();
        if (!rest) return std::nullopt;
        redundant += *rest & 0x3FF;
    }
}

}  // namespace carillon::record
