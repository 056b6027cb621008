/// What became of an RTP stream on its way, from the times and numbers of its packets alone.
/// Spec: RFC 3550 §A.3 (loss), §A.8 (jitter); ITU-T G.107 (MOS); RFC 4733 for digits.
#pragma once
#include <span>
#include <string>

#include "media/capture/payload_map.h"
#include "media/capture/stream.h"
#include "media/jitter/jitter_buffer.h"

namespace carillon::capture {

struct StreamFigures {
    std::uint64_t packets = 0, octets = 0;  ///< octets of whole packets
    std::uint64_t expected = 0, lost = 0, duplicates = 0, reordered = 0;
    double loss = 0;            ///< 0..1
    double jitter_ms = 0;       ///< at the end, RFC 3550 §A.8
    double seconds = 0;         ///< first to last packet
    double longest_gap_ms = 0;  ///< between two packets in a row
    std::string digits{};       ///< telephone events
    double mos = 0;             ///< 0: not audio that can be judged
};

/// `playout`: the jitter buffer of the listener whose opinion is estimated.
StreamFigures figures_of(std::span<const CapturedPacket> packets, const PayloadMap& map, jitter::Limits playout = {});

/// The sound of a stream as that listener hears it, by a clock made of the packets' times: equal input, equal output.
struct Heard {
    std::vector<std::int16_t> samples;
    unsigned sample_rate = 8000;
    jitter::Counters playout;
    double delay_ms = 0;  ///< in the jitter buffer, mean
};
Heard listen(std::span<const CapturedPacket> packets, std::uint8_t payload_type, codecs::AudioCodec codec,
             jitter::Limits playout = {});

}  // namespace carillon::capture
