/// How other threads speak to the phone's main thread: functions, run there in order.
/// Threading: post() from any thread, drain() from the main thread.
#pragma once
#include <functional>
#include <mutex>
#include <vector>

namespace carillon::phone {

class EventQueue {
  public:
    using Event = std::function<void()>;

    /// Bounded: a flood of events (a peer that changes addresses without end) is cut off, not stored.
    void post(Event event) {
        const std::scoped_lock lock{mutex_};
        if (events_.size() < kMax) events_.push_back(std::move(event));
    }
    void drain() {
        std::vector<Event> ready;
        {
            const std::scoped_lock lock{mutex_};
            ready.swap(events_);
        }
        for (const auto& event : ready) event();
    }

  private:
    static constexpr std::size_t kMax = 4096;
    std::mutex mutex_;
    std::vector<Event> events_;
};

}  // namespace carillon::phone
