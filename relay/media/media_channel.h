/// What a stream's shard and its media job share: packets each way, and nothing else.
#pragma once
#include <array>

#include "relay/media/packet_ring.h"

namespace carillon::relay {

/// Threading: the shard puts into `in` and takes from `out`, the media thread the other way round.
struct MediaChannel {
    /// 200 ms of L16 at 48 kHz, a second of anything else.
    static constexpr std::size_t kOctets = 16 * 1024;

    /// Some key frames.
    static constexpr std::size_t kVideoOctets = 256 * 1024;

    explicit MediaChannel(bool two_legs, std::size_t octets = kOctets)
        : in{PacketRing{octets}, PacketRing{two_legs ? octets : 0}},
          out{PacketRing{octets}, PacketRing{two_legs ? octets : 0}} {}

    std::array<PacketRing, 2> in;              ///< by leg: opened, from its end
    std::array<PacketRing, 2> out;             ///< by leg: to be sealed for its end
    std::array<std::atomic<bool>, 2> flows{};  ///< something has gone out to that end: there are keys and a way
    std::atomic<bool> closed{false};           ///< the stream is gone: the job ends
    std::atomic<bool> ended{false};            ///< the job is gone: nothing is taken any more
};

}  // namespace carillon::relay
