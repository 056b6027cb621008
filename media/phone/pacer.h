/// Waits for moments more exactly than sleeping does: for packets that are to leave when they left once before.
/// Not here: which packets (media_session.h), what came of it (media/replay/outcome.h).
#pragma once
#include <chrono>

namespace carillon::phone {

/// Sleeps up to shortly before the moment and stays awake for the rest, by an absolute clock, so that no wait adds to
/// the next. How shortly before follows from how late this machine wakes up.
/// Threading: the thread that made it, which it asks the kernel to wake without slack and, where it may, before others.
class Pacer {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::microseconds kLeastAwake{80}, kMostAwake{1000};

    Pacer();
    ~Pacer();  ///< the thread is as it was
    Pacer(const Pacer&) = delete;

    /// Returns at `due` or later, never earlier.
    void wait(Clock::time_point due);
    /// How long before a moment the sleep ends.
    Clock::duration awake() const { return awake_; }
    /// A sleep ended so much too late.
    void learn(Clock::duration late);

  private:
    Clock::duration awake_{std::chrono::microseconds{150}};
    int policy_ = -1, priority_ = 0, slack_ = -1;  // as it was
};

}  // namespace carillon::phone
