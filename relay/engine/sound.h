/// Whether an audio packet carries sound, by a glance at it: no decoder on the packet path.
/// Spec: RFC 3389 (comfort noise), RFC 7587 §3.1.3 (DTX), ITU-T G.711 (codes about zero).
#pragma once
#include <algorithm>

#include "media/rtp/packet.h"

namespace carillon::relay {

/// `clear`: the payload is readable; sealed ones are a tag longer and tell by their length alone.
inline bool carries_sound(const rtp::Header& header, Bytes packet, bool clear) {
    constexpr std::size_t kDiscontinuous = 3;  // what Opus sends when it has nothing to say
    constexpr std::size_t kTag = 16;
    constexpr unsigned kLooks = 8;
    if (header.payload_type == 13) return false;
    const auto payload = packet.subspan(std::min(header.size, packet.size()));
    if (payload.size() <= (clear ? kDiscontinuous : kDiscontinuous + kTag)) return false;
    const bool mu = header.payload_type == 0;
    if (!clear || (!mu && header.payload_type != 8)) return true;
    for (unsigned i = 0; i < kLooks; ++i) {
        // Without the sign and the lowest bit: +0, -0 and their neighbours.
        const auto code = std::to_integer<unsigned>(payload[payload.size() * i / kLooks]) & 0x7E;
        if (code != (mu ? 0x7Eu : 0x54u)) return true;
    }
    return false;
}

}  // namespace carillon::relay
