/// How many bits a second an end is sent: no more than it takes, than it says it can, and than comes through.
/// Spec: RFC 3556 (what it takes), draft-alvestrand-rmcat-remb-03 (what it can), draft-ietf-rmcat-gcc-02 §6 (losses).
/// Not here: how large pictures are then (video_size.h).
#pragma once
#include <cstdint>

#include "config/base/clock.h"

namespace carillon::relay {

/// Threading: one thread at a time.
class VideoRate {
  public:
    static constexpr unsigned kLeast = 50'000;
    static constexpr unsigned kFirst = 800'000;
    static constexpr unsigned kMost = 2'500'000;

    /// `limit`: what the end takes; 0: kMost.
    explicit VideoRate(unsigned limit) : limit_{limit == 0 || limit > kMost ? kMost : limit < kLeast ? kLeast : limit} {
        target_ = limit_ < kFirst ? limit_ : kFirst;
    }

    void on_estimate(std::uint64_t bits_per_second);
    /// Of a report block about what is sent.
    void on_loss(double fraction, SteadyTime now);
    unsigned target() const;
    unsigned limit() const { return limit_; }

  private:
    unsigned limit_;
    unsigned target_;  // as losses have it
    std::uint64_t estimate_ = 0;
    SteadyTime raised_{};
};

}  // namespace carillon::relay
