/// How much delay a stream of sound is given: as little as the network allows, learned from what was left in the buffer
/// whenever a piece was played.
/// Not here: the buffer (jitter_buffer.h), taking the surplus out of the sound (codecs/stretch).
#pragma once
#include <algorithm>
#include <chrono>

namespace carillon::jitter {

struct DelayLimits {
    std::chrono::milliseconds start{40};    ///< gathered before anything is known
    std::chrono::milliseconds least{20};    ///< gathered at least; also what is always left in reserve
    std::chrono::milliseconds most{200};    ///< gathered at most when a stream begins again
    std::chrono::milliseconds first{2000};  ///< that a reserve must have been too large for, to be called so
    std::chrono::milliseconds last{64'000};
};

/// What was not needed for a while is surplus. A stream that runs dry has its delay grow by that, and from then on
/// a surplus must have lasted twice as long, so that what comes again and again is provided for.
/// Threading: one thread at a time.
class DelayKeeper {
  public:
    using Time = std::chrono::milliseconds;

    explicit DelayKeeper(DelayLimits limits = {})
        : limits_{limits}, target_{limits.start}, window_{limits.first}, least_{limits.last} {}

    /// A piece of `length` was played; `reserve`: how long what is there would last if nothing came any more.
    void played(Time length, Time reserve) {
        least_ = std::min(least_, reserve);
        passed_ += length;
        calm_ += length;
        if (calm_ >= kForgets) calm_ = {}, window_ = std::max(window_ / 2, limits_.first);
        if (passed_ < window_) return;
        surplus_ = std::max(Time{0}, least_ - limits_.least);
        if (surplus_ < kWorthwhile) surplus_ = {};
        begin_window();
    }
    /// Nothing was there when something was due, and what has come then is played so much later.
    void ran_dry(Time late) {
        target_ = std::min(target_ + late, limits_.most);
        window_ = std::min(window_ * 2, limits_.last);
        calm_ = surplus_ = {};
        begin_window();
    }

    /// What may be taken out now.
    Time surplus() const { return surplus_; }
    void gave_back(Time time) {
        surplus_ = std::max(Time{0}, surplus_ - time);
        if (surplus_ < kWorthwhile) surplus_ = {};
        target_ = std::max(target_ - time, limits_.least);
        begin_window();
    }
    /// What a stream that begins, or begins again, gathers.
    Time target() const { return target_; }

  private:
    static constexpr Time kWorthwhile{5};
    static constexpr Time kForgets{60'000};  // without running dry

    void begin_window() {
        passed_ = {};
        least_ = limits_.last;
    }

    DelayLimits limits_;
    Time target_, window_, least_;
    Time passed_{}, calm_{}, surplus_{};
};

}  // namespace carillon::jitter
