/// The media flows of one stream that the kernel forwards: put there when they have settled, taken back when anything
/// about them changes.
/// Spec: docs/kernel-path.md.  Not here: the kernel's side (relay/kernel).
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "config/base/clock.h"
#include "relay/engine/leg_statistics.h"
#include "relay/engine/sealed_flow.h"
#include "relay/kernel/kernel_path.h"

namespace carillon::relay {

/// Threading: its stream's. Allocates nothing after it is made.
class StreamFlows {
  public:
    struct Place {
        int fd;
        Address local;
        LegStatistics* near;  ///< of the leg whose endpoint sends to it
        SealedEnds ends{};
    };
    /// What comes from one address leaves by one socket to another.
    struct Way {
        Address from;
        int fd = -1;
        Address to;
        friend bool operator==(const Way&, const Way&) = default;
    };

    /// `places`: by port of the stream.
    StreamFlows(std::shared_ptr<KernelPath> path, std::vector<Place> places);
    StreamFlows(const StreamFlows&) = delete;
    ~StreamFlows() { take_back(); }

    /// The worker itself has forwarded a media packet this way.
    void passed(std::size_t port, const Way& way, SteadyTime now);
    /// Where that port's packets go in the kernel; null: nowhere.
    const Way* way(std::size_t port) const { return flows_[port].in ? &flows_[port].way : nullptr; }
    /// Whether the kernel goes on with that RTP stream of the port's flow, and nothing of it is under way to us that
    /// came before.
    bool has(std::size_t port, std::uint32_t ssrc, SteadyTime now) const;
    bool any() const { return in_kernel_ > 0; }
    /// Adds what the kernel has counted to the leg's statistics; the packets that are new.
    std::uint64_t gather(std::size_t port);
    void take_back(std::size_t port);
    void take_back();
    /// Nothing goes there until it is allowed again: somebody mirrors the stream.
    void allow(bool allowed);
    /// When routes of this host have changed, takes back what would go another way now.
    void follow_routes();
    std::size_t ports() const { return flows_.size(); }
    /// Packets that the kernel has forwarded, since this was asked last.
    std::uint64_t take_forwarded() { return std::exchange(forwarded_, 0); }

    SteadyTime gathered{};  ///< by the stream

  private:
    struct Flow {
        Place place;
        bool in = false;
        carillon_flow_key key{};
        carillon_flow last{};  // as read last
        Way way;               // in the kernel, or the last that passed here
        unsigned run = 0;      // packets in a row that passed here that way
        unsigned wanted = kSettled;
        SteadyTime since{};                      // in the kernel
        std::uint64_t forged = 0, replayed = 0;  // as read last
    };
    void put(Flow& flow);
    void absorb(Flow& flow, const std::optional<carillon_flow>& read, const carillon_srtp& srtp);
    const Place* place_of(int fd) const;

    static constexpr unsigned kSettled = 32;  // packets: a short exchange is not worth the system calls
    // What waits in the socket while a flow is put passes here yet, next to what the kernel takes already.
    static constexpr std::chrono::milliseconds kInFlight{300};
    static constexpr unsigned kReluctant = 32'768;
    std::shared_ptr<KernelPath> path_;
    std::vector<Flow> flows_;
    std::size_t in_kernel_ = 0;
    std::uint64_t forwarded_ = 0;
    std::uint32_t generation_ = 0;
    bool allowed_ = true;
};

}  // namespace carillon::relay
