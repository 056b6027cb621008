/// How much may pass: a steady rate, and a burst after some quiet.
#pragma once
#include <algorithm>
#include <chrono>

namespace carillon::net {

/// Threading: one thread.  A debt is allowed: what has come has come, and the next waits until it is paid.
class TokenBucket {
  public:
    using Clock = std::chrono::steady_clock;

    /// `per_second` 0: no limit.
    TokenBucket(double per_second, double burst) : rate_{per_second}, burst_{burst}, level_{burst} {}

    /// Takes `count`, whether there are so many or not.
    void take(double count, Clock::time_point now) {
        if (rate_ <= 0) return;
        refill(now);
        level_ -= count;
    }
    /// Takes one if it is there.
    bool try_take(Clock::time_point now) {
        if (rate_ <= 0) return true;
        refill(now);
        if (level_ < 1) return false;
        level_ -= 1;
        return true;
    }
    /// How long to wait until nothing is owed.
    std::chrono::milliseconds debt() const {
        if (rate_ <= 0 || level_ >= 0) return {};
        return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>{-level_ / rate_});
    }
    /// Nothing has been taken that is not paid back.
    bool full(Clock::time_point now) const {
        auto later = *this;
        later.refill(now);
        return later.level_ >= burst_;
    }

  private:
    void refill(Clock::time_point now) {
        if (now <= last_) return;
        const auto passed = std::chrono::duration<double>{now - last_}.count();
        level_ = std::min(burst_, level_ + passed * rate_);
        last_ = now;
    }

    double rate_;
    double burst_;
    double level_;
    Clock::time_point last_{};
};

}  // namespace carillon::net
