/// Which worker the next call goes to: the cheaper of two drawn at random, by what they carry now and by what has been
/// given to them since they were last asked.
/// Spec: the power of two choices (Mitzenmacher 1996). Who always takes the least loaded sends a whole burst to one
/// worker, as its load is told a second late; who draws blindly sees no load at all.
/// Not here: asking workers (worker_relay.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>

#include "config/base/clock.h"
#include "relay/api/client.h"

namespace carillon::calls {

/// What one worker carries, measured between two answers of its.
struct WorkerLoad {
    double cpu = 0;      ///< of its media threads, 0..1
    double packets = 0;  ///< a second
    double loss = 0;     ///< share of datagrams that its sockets had no room for, 0..1
    std::uint64_t sessions = 0;
    bool draining = false;
};

/// From one answer to the next. Threading: its owner's.
class LoadMeter {
  public:
    void take(const relay::api::WorkerStatus& status, SteadyTime now);
    /// It has just said so, by refusing.
    void drains() { load_.draining = true; }
    /// The worker is another process now.
    void forget() { last_.reset(), load_ = {}; }
    const WorkerLoad& load() const { return load_; }

  private:
    struct Sample {
        double cpu_s;
        std::uint64_t packets;
        std::uint64_t drops;
        SteadyTime at;
    };
    std::optional<Sample> last_;
    WorkerLoad load_;
};

struct Candidate {
    WorkerLoad load;
    std::uint64_t pending = 0;  ///< sessions given to it since `load` was measured
    bool full = false;          ///< it has refused a session lately
};

/// What one more call would find there; lower is better. Sessions without media yet count as what they will be.
double cost_of(const Candidate& candidate);

/// The place of the one to ask; nullopt: there is none that takes calls.
std::optional<std::size_t> choose(std::span<const Candidate> candidates, std::mt19937& random);

/// How many sessions each worker was given, by all shards of the process together: one shard's burst is another's load.
/// Threading: any.
class Assignments {
  public:
    using Count = std::atomic<std::uint64_t>;
    Count& of(const std::string& worker) {
        const std::lock_guard lock{mutex_};
        return counts_[worker];
    }

  private:
    std::mutex mutex_;
    std::map<std::string, Count> counts_;  // nodes stay where they are
};

}  // namespace carillon::calls
