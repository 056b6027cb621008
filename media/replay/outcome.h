/// What became of one replayed stream: every packet sent held against what arrived.
/// Not here: thresholds and formats (report.h).
#pragma once
#include <optional>
#include <span>
#include <string>

#include "media/capture/stream_figures.h"

namespace carillon::replay {

struct Outcome {
    std::string name;               ///< for people: ends and SSRC of the capture
    std::string codec;              ///< of the capture
    capture::StreamFigures before;  ///< as captured
    capture::StreamFigures after;   ///< as it arrived
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;                                          ///< of those sent, at least once
    std::uint64_t identical = 0;                                        ///< of those, with the very same payload
    double loss = 0;                                                    ///< of those sent, 0..1
    std::optional<double> delay_p50_ms, delay_p99_ms, delay_max_ms;     ///< from sent to arrived
    std::optional<double> pacing_p50_ms, pacing_p99_ms, pacing_max_ms;  ///< how far from the capture's times it left
    std::optional<double> alike;  ///< correlation of the decoded sound, -1 to 1; only when payloads changed
    std::optional<double> snr_db;
};

struct Evidence {
    std::span<const capture::CapturedPacket> captured;  ///< in the clear, times of the capture
    std::span<const capture::CapturedPacket> sent;      ///< when they left
    std::span<const capture::CapturedPacket> received;  ///< when they arrived, in order of arrival
    std::span<const capture::Time> pacing;              ///< per packet sent: how far from its time; may be empty
};

Outcome judge(std::string name, const Evidence& evidence, const capture::PayloadMap& map, jitter::Limits playout);

}  // namespace carillon::replay
