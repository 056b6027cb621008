/// Time as a dependency: code asks a Clock, tests move a ManualClock.
#pragma once
#include <chrono>

namespace carillon {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
  public:
    virtual ~Clock() = default;
    virtual SteadyTime now() const = 0;  ///< monotonic: time-outs, rates
    virtual WallTime wall() const = 0;   ///< UTC: stamps that people and other hosts see
};

class SystemClock final : public Clock {
  public:
    SteadyTime now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override { return std::chrono::system_clock::now(); }
    static SystemClock& instance() {
        static SystemClock clock;
        return clock;
    }
};

/// Stands still until advance() is called.
class ManualClock final : public Clock {
  public:
    SteadyTime now() const override { return SteadyTime{} + offset_; }
    WallTime wall() const override {
        return WallTime{std::chrono::hours{24 * 365 * 50}} + std::chrono::duration_cast<WallTime::duration>(offset_);
    }
    void advance(std::chrono::nanoseconds by) { offset_ += by; }

  private:
    std::chrono::nanoseconds offset_{std::chrono::hours{1}};
};

}  // namespace carillon
