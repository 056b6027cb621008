/// Which packets of a stream have not come, and when to ask for them (again).
/// Spec: RFC 4585 §6.2.1; how often is nobody's rule.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "config/base/clock.h"
#include "media/rtp/packet.h"

namespace carillon::relay {

/// Threading: one thread at a time. Bounded.
class MissingPackets {
  public:
    void on_packet(rtp::SequenceNumber sequence);
    /// Those that are to be asked for now, in order.
    std::vector<std::uint16_t> due(SteadyTime now);
    void clear();

  private:
    static constexpr std::size_t kMost = 256;
    static constexpr std::chrono::milliseconds kPause{50};  // a round trip, about
    static constexpr unsigned kTries = 6;
    struct Missing {
        SteadyTime next{};
        unsigned tries = 0;
    };

    bool started_ = false;
    std::int64_t highest_ = 0;                 // extended
    std::map<std::int64_t, Missing> missing_;  // by extended sequence number
};

}  // namespace carillon::relay
