/// Named counters of one Server on one shard: every dropped stanza has one, with its reason.
/// Threading: counted on the owning shard, read from any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace carillon::runtime {

/// One writer, many readers: an increment is a plain load and store.
class Counter {
  public:
    void add(std::uint64_t by = 1) { value_.store(value() + by, std::memory_order_relaxed); }
    void subtract(std::uint64_t by = 1) { value_.store(value() - by, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

using CounterValues = std::map<std::string, std::uint64_t, std::less<>>;

/// Declares its counters while it is being made, before any reader sees it; references stay valid for its life.
class Counters {
  public:
    Counter& declare(std::string_view name) { return list_.emplace_back(name).counter; }
    /// Adds the values to `sum` under "<prefix>.<name>".
    void collect(std::string_view prefix, CounterValues& sum) const {
        for (const auto& entry : list_) sum[std::string{prefix} + '.' + entry.name] += entry.counter.value();
    }

  private:
    struct Entry {
        explicit Entry(std::string_view title) : name{title} {}
        std::string name;
        Counter counter;
    };
    std::deque<Entry> list_;
};

}  // namespace carillon::runtime
