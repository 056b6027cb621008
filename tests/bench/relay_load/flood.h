/// More than a relay can carry, for a while, over calls that go on: what is lost of whom, whether control still
/// answers, and how soon the calls are clean again.
/// Not here: rates that a relay can carry (load.h).
#pragma once
#include <chrono>
#include <functional>
#include <vector>

#include "tests/bench/relay_load/endpoint.h"

namespace carillon::bench {

struct FloodResult {
    double offered_per_second = 0;    ///< packets, during the flood
    double delivered_per_second = 0;  ///< of those
    double least_share = 0;           ///< of what arrived: the least lucky of the streams, times the mean
    unsigned control_answers = 0;     ///< requests that were answered during the flood
    unsigned control_refused = 0;
    std::chrono::nanoseconds control_worst{};
    std::chrono::nanoseconds clean_after{};   ///< since its end: the last packet sent that got lost
    std::chrono::nanoseconds prompt_after{};  ///< the last packet sent that came later than 20 ms
    std::uint64_t lost_before = 0;            ///< in the second before the flood
};

/// Threading: the caller's thread, and one that asks the control plane while the flood lasts.
class Flood {
  public:
    /// `ask` makes one request to the relay's control plane and throws when it is refused.
    Flood(const Calls& calls, std::function<void()> ask);
    ~Flood();
    Flood(const Flood&) = delete;

    FloodResult run(std::chrono::nanoseconds length);

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto kWindow = std::chrono::milliseconds{5};

    struct Stream {
        const Endpoint* from;
        const Endpoint* to;
        std::uint16_t sequence = 0;
        std::uint64_t flooded = 0;
        std::uint64_t arrived = 0;
    };
    struct Window {
        std::uint64_t sent = 0, arrived = 0, late = 0;
    };
    void calm(Clock::time_point until);
    void flood(Clock::time_point until);
    void send(Stream& stream, std::size_t packets, bool flooding);
    void receive();
    void take(const std::byte* packet, std::size_t size);
    FloodResult judge(std::size_t flood_begins, std::size_t flood_ends) const;
    std::size_t window_of(Clock::time_point time) const;

    std::vector<Stream> streams_;
    std::vector<Window> windows_;
    std::function<void()> ask_;
    Clock::time_point begin_{};
    int epoll_ = -1;
};

}  // namespace carillon::bench
