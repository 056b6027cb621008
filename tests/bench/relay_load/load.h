/// Sends paced RTP from both ends of every call and counts what arrives at the other end.
/// Spec: RFC 3550 §5.1 (the RTP header).
/// Not here: opening the relay's ports (peer.h); choosing rates (main.cpp).
#pragma once
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "tests/bench/relay_load/cpu_meter.h"
#include "tests/bench/relay_load/endpoint.h"

namespace carillon::bench {

/// What one end of a call sends: a burst of packets every period.
struct Shape {
    std::size_t packet_bytes;  // RTP header included
    std::size_t burst;
    std::chrono::nanoseconds period;
    std::uint8_t payload_type;
    std::uint32_t clock_step;  // RTP timestamp units a period
};

struct Result {
    std::uint64_t sent = 0;        // in the measured interval
    std::uint64_t lost = 0;        // of those, what never arrived
    std::uint64_t duplicated = 0;  // arrived again
    std::uint64_t foreign = 0;     // arrived, but is not a packet of this load
    std::uint64_t forwarded = 0;   // packets that arrived while the CPU was metered
    std::uint64_t own_drops = 0;   // dropped at the generator's sockets: the generator was too slow
    std::chrono::nanoseconds cpu{};
    std::chrono::nanoseconds elapsed{};
    std::chrono::nanoseconds worst_lag{};     // how far the generator fell behind its schedule
    std::vector<std::uint32_t> latencies_ns;  // a sample
};

/// Threading: one thread. Borrows the calls.
class Load {
  public:
    /// `spin`: never sleep. A sleeping generator makes each packet of the relay pay for waking it.
    /// `joined`: a burst leaves as one UDP_SEGMENT message, and a socket with UDP_GRO gets it as one. A network card
    /// that joins what comes close together does the same; loopback joins nothing.
    Load(const Calls& calls, bool spin, bool joined = false);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Runs warm-up, measured interval and a drain; `meter` may be null.
    Result run(const Shape& shape, std::chrono::nanoseconds warm_up, std::chrono::nanoseconds measured,
               const CpuMeter* meter);

  private:
    using Clock = std::chrono::steady_clock;

    struct Stream {
        const Endpoint* from;
        const Endpoint* to;
        std::uint16_t sequence = 0;
        std::uint32_t timestamp = 0;
        std::uint32_t next_number = 1;  // counts this stream's packets over the Load's life
        std::uint32_t highest = 0;      // receiving side: highest number seen and the 64 before it
        std::uint64_t window = 0;
    };

    void send_burst(Stream& stream, const Shape& shape);
    /// Takes what has arrived, waiting at most so long; true when there may be more.
    bool receive(std::chrono::nanoseconds timeout);
    void take(const Endpoint& at, std::byte* packet, std::size_t size, msghdr& message);
    bool is_new(Stream& stream, std::uint32_t number) const;

    std::vector<Stream> streams_;
    std::vector<std::uint32_t> order_;  // streams in their order of phase within a period
    std::vector<const Endpoint*> endpoints_;
    bool spin_;
    bool joined_;
    int epoll_ = -1;

    std::uint8_t phase_ = 0;  // carried in each packet; odd while measuring, new for each interval
    std::uint64_t arrived_ = 0;
    std::uint64_t arrived_in_phase_ = 0;
    std::uint8_t counted_phase_ = 0;
    std::uint32_t sampler_ = 0;
    Result result_;
};

}  // namespace carillon::bench
