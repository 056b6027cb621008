/// How long packets take through the relay, from the kernel's arrival to after the send, on one socket now and then.
/// A time from the kernel costs every packet of the machine a look at the clock while any socket asks for it; so one
/// does for a quarter of a second out of four, and the next time another.
/// Spec: socket(7), SO_TIMESTAMPNS; docs/relay.md, "Delay inside of the relay".
#pragma once
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "config/base/clock.h"
#include "relay/api/latency.h"

namespace carillon::relay {

/// Threading: one writer, any reader.
class LatencyHistogram {
  public:
    void add(std::chrono::nanoseconds took);
    void add_to(api::LatencyCounts& sum) const {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts_[i].load(std::memory_order_relaxed);
    }

  private:
    std::array<std::atomic<std::uint64_t>, api::kLatencyBuckets> counts_{};
};

/// Threading: its shard.  Allocates nothing.
class LatencyProbe {
  public:
    static constexpr unsigned kRest = 15;     ///< ticks between two looks of a tick each
    static constexpr std::size_t kMost = 64;  ///< datagrams of one read that are looked at

    explicit LatencyProbe(LatencyHistogram& into) : into_{into} {}

    /// Once a tick: whether a socket should be chosen for the next one.
    bool tick();
    /// `socket` is looked at until the next tick. A descriptor that is closed meanwhile is no harm.
    void look_at(int socket, SteadyTime now);
    bool looks_at(int socket) const { return socket == socket_; }

    /// What was read from it: keeps when each has come, as their control data tell.
    void note(std::span<mmsghdr> received);
    /// What was read has been sent, or what of it was to be.
    void sent() {
        if (waiting_ > 0) [[unlikely]]
            count();
    }

  private:
    void count();

    LatencyHistogram& into_;
    int socket_ = -1;
    unsigned rested_ = 0;
    SteadyTime since_{};
    std::array<std::chrono::nanoseconds, kMost> came_{};  // of those that wait to be sent; real time
    std::size_t waiting_ = 0;
};

}  // namespace carillon::relay
