/// When each packet of a captured stream is to leave, and what a bad network would make of that. Pure and repeatable:
/// the same input and seed give the same plan.
/// Not here: sending (live_call.h), what came of it (outcome.h).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "media/capture/stream.h"

namespace carillon::replay {

using capture::CapturedPacket;
using capture::Time;

/// Times count from the first packet.
std::vector<CapturedPacket> plan(std::span<const CapturedPacket> packets, double speed);

struct Impairments {
    double loss = 0, duplicate = 0, reorder = 0;  ///< probability of each packet, 0..1; reordered: 20 ms later
    Time delay{};                                 ///< of every packet
    Time jitter{};                                ///< 0 to this much more, evenly
    std::uint64_t seed = 1;
    bool any() const { return loss > 0 || duplicate > 0 || reorder > 0 || delay.count() > 0 || jitter.count() > 0; }
};

/// In the order of arrival.
std::vector<CapturedPacket> impair(std::span<const CapturedPacket> packets, const Impairments& impairments);

}  // namespace carillon::replay
