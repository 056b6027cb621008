/// The threads that decode, encode, play and record: never the data shards'.
/// Spec: docs/endpoints.md (media threads).
/// Not here: what a job does (media_job.h).
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "relay/media/media_job.h"

namespace carillon::relay {

struct MediaPoolOptions {
    std::size_t threads = 0;  ///< 0: one a processor
    std::size_t jobs_per_thread = 500;
    double busiest = 0.8;  ///< share of a thread's time above which it takes no new job
    double guess = 0.01;   ///< what a new job may come to, until it is known
    std::chrono::milliseconds tick{20};
    int nice = 0;  ///< more: others go first
    std::string name = "relay-media";
};

struct MediaLoad {
    std::uint64_t jobs = 0;
    std::uint64_t late = 0;  ///< ticks left out because a thread could not keep up
    double busiest = 0;      ///< of the busiest thread, 0 to 1
};

/// Names a job in its pool.
struct MediaTicket {
    std::size_t thread = 0;
    std::uint64_t job = 0;
};

/// A thread wakes up four times in a tick; each job has its own of the four, so that packets leave spread over time.
/// Threading: the control thread, but for the threads' own.  Owns: threads and jobs.
class MediaPool {
  public:
    explicit MediaPool(MediaPoolOptions options);
    ~MediaPool();
    MediaPool(const MediaPool&) = delete;

    /// Refuses with the reason when no thread has room. `wake` is an eventfd that is written to when packets lie ready.
    std::expected<MediaTicket, std::string> add(std::unique_ptr<MediaJob> job, std::shared_ptr<MediaChannel> channel,
                                                int wake, MediaJob::Tell tell);
    /// Whether add() would refuse, and why; empty: it would not.
    std::string refusal() const;
    /// Runs `work` with the job between two of its ticks, unless it has ended by then.
    void with(const MediaTicket& ticket, std::function<void(MediaJob& job)> work);
    MediaLoad load() const;

  private:
    class Worker;
    Worker* lightest() const;

    MediaPoolOptions options_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace carillon::relay
