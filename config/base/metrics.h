/// Counters and gauges by name, written as Prometheus text.
/// Spec: Prometheus text exposition format 0.0.4.
/// Not here: who serves the text (signaling/http), counters of the packet path (the relay's own blocks).
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::metrics {

/// Threading: any thread; on a cache line of its own, so that threads with counters of their own do not meet.
class alignas(64) Counter {
  public:
    void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class alignas(64) Gauge {
  public:
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

using Labels = std::map<std::string, std::string>;

/// Threading: any thread; declaring and writing take a lock, counting does not.  Owns: its counters, for its life.
class Registry {
  public:
    /// A family holds at most this many label sets; what comes after is counted together under overflow="true".
    static constexpr std::size_t kMostSeries = 256;
    /// Takes one sample of a source; characters that a name may not have become '_'.
    using Sink = std::function<void(std::string_view name, double value)>;

    /// The same name and labels give the same counter. One name is a counter or a gauge: std::logic_error otherwise.
    Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
    /// Values that are kept elsewhere; asked at each writing.
    void add_source(std::function<void(const Sink&)> source);
    std::string text() const;

  private:
    struct Series {
        Counter counter;
        Gauge gauge;
    };
    struct Family {
        bool is_counter = false;
        std::string help;
        std::map<std::string, Series> series;  ///< by written labels; nodes stay where they are
    };
    Series& series(std::string_view name, std::string_view help, const Labels& labels, bool is_counter);

    mutable std::mutex mutex_;
    std::map<std::string, Family> families_;
    std::vector<std::function<void(const Sink&)>> sources_;
};

}  // namespace carillon::metrics
