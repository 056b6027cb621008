/// A captured stream through a real call: two users sign in, one calls the other, the capture's packets are said, and
/// both ends write down when what left and arrived.
/// Not here: what is made of that (outcome.h).
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "media/replay/options.h"

namespace carillon::replay {

struct CallTrace {
    std::vector<CapturedPacket> sent, received;  ///< in the clear; times by one steady clock
    std::vector<Time> pacing;                    ///< per packet sent
    std::string summary;                         ///< of the call, for people
};

/// `planned`: times from the first packet. Without an answering end of ours, what comes back is what was received.
/// The error is a sentence.
std::expected<CallTrace, std::string> through_call(const Options& options, const std::vector<CapturedPacket>& planned,
                                                   std::uint8_t payload_type, codecs::AudioCodec codec);

}  // namespace carillon::replay
