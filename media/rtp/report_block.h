/// Reads a report block.
/// Spec: RFC 3550 §6.4.1.
#pragma once
#include "config/base/bytes.h"
#include "media/rtp/rtcp.h"

namespace carillon::rtp {

/// `at`: 24 octets.
inline ReportBlock read_block(const std::byte* at) {
    auto lost = static_cast<std::int32_t>(load_u32(at + 4) & 0xFFFFFF);
    if (lost & 0x800000) lost -= 0x1000000;  // 24 bits, signed
    return {.ssrc = load_u32(at),
            .fraction_lost = std::to_integer<std::uint8_t>(at[4]),
            .cumulative_lost = lost,
            .highest_sequence = load_u32(at + 8),
            .jitter = load_u32(at + 12),
            .last_sr = load_u32(at + 16),
            .delay_since_sr = load_u32(at + 20)};
}

}  // namespace carillon::rtp
