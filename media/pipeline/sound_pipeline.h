/// Sound of a GStreamer pipeline: any format and any source that GStreamer has, decoded once for all who listen.
/// Spec: docs/endpoints.md.
/// Not here: files that are read whole (decode_sound.h), who may name a pipeline (signaling: the configuration alone).
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "config/base/clock.h"

namespace carillon::pipeline {

/// It begins with its first listener, stands still when nobody has listened for a while, begins anew at its end, and is
/// built again, with growing pauses, when it fails; meanwhile there is silence. The latest sound is kept, no more.
/// Threading: any for listeners; one thread of its own does the rest.  Owns: the thread and the pipeline.
class SoundPipeline {
  public:
    static constexpr unsigned kRate = 48'000;  // of its samples
    struct Times {
        std::chrono::milliseconds idle{30'000};        ///< without a listener
        std::chrono::milliseconds first_pause{1'000};  ///< after a failure; doubled with each
        std::chrono::milliseconds longest_pause{60'000};
        std::chrono::milliseconds stalled{10'000};  ///< without a sample: as good as a failure
    };

    explicit SoundPipeline(std::string description) : SoundPipeline{std::move(description), Times{}} {}
    SoundPipeline(std::string description, Times times);
    ~SoundPipeline();
    SoundPipeline(const SoundPipeline&) = delete;

    /// Where a listener is. Its own.
    struct Place {
        std::uint64_t next = 0;  ///< sample
        bool begun = false;
    };
    /// Fills `out` with what comes next; zeros where there is nothing. A listener that has fallen out of what is kept
    /// is set back to a little behind the latest.
    void read(Place& place, std::span<std::int16_t> out);

    std::uint64_t samples() const { return written_.load(std::memory_order_relaxed); }
    unsigned failures() const { return failures_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::size_t kKept = 1 << 16;        // 1.4 s
    static constexpr std::uint64_t kBehind = kRate / 4;  // of a new listener

    enum class End : std::uint8_t { stopped, idle, finished, failed };
    void run(const std::stop_token& stop);
    End play(const std::stop_token& stop);
    End pull(const std::stop_token& stop, struct SoundElement& element);
    bool wait_for_listener(const std::stop_token& stop);
    bool pause(const std::stop_token& stop);
    bool listened() const;
    void write(std::span<const std::int16_t> samples);

    std::string description_;
    Times times_;
    std::mutex mutex_;  // guards what is kept, and the listener's knock
    std::condition_variable_any knock_;
    std::vector<std::int16_t> kept_;
    std::atomic<std::uint64_t> written_{0};
    std::atomic<unsigned> failures_{0};
    std::atomic<std::int64_t> last_read_{0};  // steady clock
    std::chrono::milliseconds pause_;
    bool parked_ = true;
    std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace carillon::pipeline
