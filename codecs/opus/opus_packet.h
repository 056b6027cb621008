/// What an Opus packet says of itself, without a decoder.
/// Spec: RFC 6716 §3.1 (TOC), §3.2 (framing, requirements R1 to R7).
/// Not here: decoding (opus_codec.h).
#pragma once
#include <cstdint>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::codecs::opus {

inline constexpr unsigned kSamplesPerMillisecond = 48;  // RTP and Ogg count in 48 kHz, whatever the bandwidth
inline constexpr unsigned kLongestPacket = 120 * kSamplesPerMillisecond;

struct PacketInfo {
    std::uint8_t toc = 0;
    unsigned frames = 0;
    unsigned samples = 0;  ///< at 48 kHz, of all frames
    bool stereo() const { return (toc & 0x04) != 0; }

    /// Of a packet that keeps R1 to R7: a decoder takes it.
    static Parsed<PacketInfo> parse(Bytes packet);
};

/// Samples at 48 kHz of one frame of this TOC's configuration (table 2).
unsigned frame_samples(std::uint8_t toc);

/// Packets without sound, which ask the decoder to fill `samples` at 48 kHz in: a multiple of 2.5 ms, what is less is
/// left out. They are of `toc`'s mode where that has frames short enough, else CELT (RFC 7845 §4.1).
std::vector<std::vector<std::byte>> filling(std::uint8_t toc, std::uint64_t samples);

}  // namespace carillon::codecs::opus
