/// The thread that empties taps into their sinks: files are written and sound is encoded here, never on a shard.
/// Spec: docs/capture.md.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "relay/tap/tap.h"
#include "relay/tap/tap_sink.h"

namespace carillon::relay {

/// Threading: the public functions from any thread; `done` and Ended run on the tap thread.
/// Owns: the thread and the sinks.
class TapThread {
  public:
    /// A tap whose sink takes nothing more has ended by itself.
    using Ended = std::function<void(TapStatus)>;

    explicit TapThread(Ended ended);
    ~TapThread();
    TapThread(const TapThread&) = delete;

    void add(std::shared_ptr<Tap> tap, std::unique_ptr<TapSink> sink,
             SteadyTime started = std::chrono::steady_clock::now());
    /// What is still in the ring is written, the sink finished and forgotten: nobody may feed the tap any more.
    void end(std::shared_ptr<Tap> tap, std::string reason, std::function<void(TapStatus)> done);
    void status(std::shared_ptr<Tap> tap, std::function<void(TapStatus)> done);

  private:
    struct Entry {
        std::shared_ptr<Tap> tap;
        std::unique_ptr<TapSink> sink;
        SteadyTime started;
    };
    static constexpr std::chrono::milliseconds kPause{10};

    void post(std::function<void()> command);
    void run();
    void round();
    void drain(Entry& entry) const;
    static TapStatus status_of(const Entry& entry);
    void finish(Entry& entry, TapStatus& status, const std::string& reason);

    Ended ended_;
    std::mutex mutex_;  // guards commands_ and stopping_; no shard takes it
    std::condition_variable wake_;
    std::vector<std::function<void()>> commands_;
    bool stopping_ = false;
    std::vector<Entry> entries_;  // the thread's
    std::thread thread_;
};

}  // namespace carillon::relay
