/// What a media thread does for one stream, 20 ms at a time.
/// Not here: which thread and when (media_pool.h).
#pragma once
#include <cstdint>
#include <functional>

#include "relay/api/program.h"
#include "relay/media/media_channel.h"

namespace carillon::relay {

inline constexpr std::chrono::milliseconds kMediaTick{20};

/// The job's end of its channel. Threading: the media thread.
class MediaPort {
  public:
    explicit MediaPort(MediaChannel& channel) : channel_{channel} {}

    /// `f(packet, rtcp, arrival)` for each that has come from that leg's end.
    template <class F>
    void take(std::size_t leg, F f) {
        while (channel_.in[leg].pop(f)) {
        }
    }
    /// False when the shard does not keep up: the packet is lost.
    bool emit(std::size_t leg, Bytes packet, bool rtcp, SteadyTime now) {
        emitted_ = true;
        return channel_.out[leg].push(packet, rtcp, now);
    }
    bool flows(std::size_t leg) const { return channel_.flows[leg].load(std::memory_order_relaxed); }
    bool emitted() const { return emitted_; }

  private:
    MediaChannel& channel_;
    bool emitted_ = false;
};

/// Threading: made on the control thread, then its media thread's until it is destroyed there.
class MediaJob {
  public:
    /// Hands the event over and returns.
    using Tell = std::function<void(api::ProgramEvent)>;

    virtual ~MediaJob() = default;
    virtual void tick(MediaPort& port, SteadyTime now) = 0;
    /// So many ticks cannot be run any more: time has gone on without.
    virtual void skip(std::size_t ticks) = 0;
};

}  // namespace carillon::relay
