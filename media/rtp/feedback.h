/// Feedback about video that the relay sends of its own accord: a key frame, please.
/// Spec: RFC 4585 §6.3.1 (PLI); RFC 3550 §6.1 (a report comes first in a compound packet).
#pragma once
#include <array>
#include <cstdint>

#include "config/base/bytes.h"

namespace carillon::rtp {

inline constexpr std::size_t kPictureLossSize = 20;

/// An empty receiver report and a picture loss indication.
inline std::array<std::byte, kPictureLossSize> picture_loss(std::uint32_t sender, std::uint32_t media) {
    std::array<std::byte, kPictureLossSize> out{};
    store_u32(&out[0], 0x80'C9'0001);  // V=2, no blocks, RR, 1 word more
    store_u32(&out[4], sender);
    store_u32(&out[8], 0x81'CE'0002);  // V=2, FMT=1, PSFB, 2 words more
    store_u32(&out[12], sender);
    store_u32(&out[16], media);
    return out;
}

}  // namespace carillon::rtp
