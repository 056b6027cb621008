/// How fast a client is read: octets and stanzas, each at a steady rate after a burst of four seconds' worth.
/// Back-pressure, no punishment: whoever is faster waits, and TCP tells it so.
#pragma once
#include <algorithm>
#include <chrono>
#include <optional>

#include "config/base/clock.h"
#include "signaling/net/token_bucket.h"
#include "signaling/stream/stream_options.h"

namespace carillon::stream {

/// Threading: one thread.
class Pace {
  public:
    static constexpr double kBurst = 4;  ///< seconds; a call's set-up passes many times over

    explicit Pace(const StreamOptions& options, double share = 1)
        : octets_{share * static_cast<double>(options.octets_per_second),
                  share * kBurst * static_cast<double>(options.octets_per_second)},
          stanzas_{share * options.stanzas_per_second, share * kBurst * options.stanzas_per_second} {}

    void read(std::size_t octets, SteadyTime now) { octets_.take(static_cast<double>(octets), now); }
    void stanza(SteadyTime now) { stanzas_.take(1, now); }
    /// Time has passed.
    void rest(SteadyTime now) {
        octets_.take(0, now);
        stanzas_.take(0, now);
    }
    std::chrono::milliseconds debt() const { return std::max(octets_.debt(), stanzas_.debt()); }

  private:
    net::TokenBucket octets_;
    net::TokenBucket stanzas_;
};

/// Of all sessions of an account together; kept by the account while it has several.
struct AccountPace {
    static constexpr double kShare = 2;  ///< times what one connection may
    std::optional<Pace> pace;
};

}  // namespace carillon::stream
