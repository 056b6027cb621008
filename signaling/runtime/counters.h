/// Named counters of one Server on one shard: every dropped stanza has one, with its reason.
/// Threading: counted on the owning shard, read from any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
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

/// References stay valid for its life. Threading: one thread declares, any reads.
class Counters {
  public:
    /// The counter of that name, made when it is new: a module that is reloaded counts on.
    Counter& declare(std::string_view name) {
        const std::lock_guard lock{mutex_};
        for (auto& entry : list_) {
            if (entry.name == name) return entry.counter;
        }
        return list_.emplace_back(name).counter;
    }
    /// Adds the values to `sum` under "<prefix>.<name>".
    void collect(std::string_view prefix, CounterValues& sum) const {
        const std::lock_guard lock{mutex_};
        for (const auto& entry : list_) sum[std::string{prefix} + '.' + entry.name] += entry.counter.value();
    }

  private:
    struct Entry {
        explicit Entry(std::string_view title) : name{title} {}
        std::string name;
        Counter counter;
    };
    mutable std::mutex mutex_;  // of the list, not of the counters
    std::deque<Entry> list_;
};

}  // namespace carillon::runtime
