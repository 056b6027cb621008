/// One UDP port for all ICE legs of a shard that end at the relay: a check is told by the ufrag that we gave its leg,
/// anything else by the address that a check has proved.
/// Spec: RFC 8445 §7.3 (USERNAME begins with our ufrag), RFC 7983; docs/relay.md, "One port for ICE".
/// Not here: what a datagram means to its leg (bridge/), which legs come here (control/ice_ports.h).
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/engine/address_table.h"
#include "relay/engine/ice_seat.h"
#include "relay/engine/latency_probe.h"
#include "relay/engine/shard_service.h"
#include "relay/engine/stream.h"
#include "relay/turn/send_batch.h"

namespace carillon::relay {

/// Written by the shard, read by anybody.
struct IcePortCounters {
    std::atomic<std::uint64_t> packets{0};       ///< sent for legs on the port
    std::atomic<std::uint64_t> unknown_user{0};  ///< checks by a name that is no leg's
    std::atomic<std::uint64_t> unproven{0};      ///< from an address that no leg has proved
    std::atomic<std::uint64_t> contested{0};     ///< checks from an address where another leg's endpoint is alive
    std::atomic<std::uint64_t> oversize{0};
    std::atomic<std::uint64_t> kernel_drops{0};  ///< the socket was full
    LatencyHistogram latency;
};

/// Threading: its shard, from attach() on.  Owns: the sockets, one for each bind address.
class IcePort final : public ShardService {
  public:
    /// An address whose endpoint was heard within so long is not given to another leg on its check alone.
    static constexpr std::chrono::seconds kAlive{10};

    IcePort(std::vector<UdpSocket> sockets, std::shared_ptr<IcePortCounters> counters);
    ~IcePort() override;

    void start(std::function<void(Port&)> watch) override;
    void ready(Port& port, std::uint32_t events, SteadyTime now) override;
    void flush() override;
    bool crowded() override;
    void tick(SteadyTime now) override;

    std::size_t addresses() const { return addresses_.size(); }

  private:
    friend class IceSeat;
    struct Batch;
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    // Of seats.
    void rename(IceSeat& seat);
    void adopt(IceSeat& seat);
    void leave(IceSeat& seat);

    std::size_t read(Port& port, SteadyTime now);
    void take(std::size_t index, std::uint8_t socket, SteadyTime now);
    void on_stun(std::size_t index, const Path& from, SteadyTime now);
    void on_check(const stun::Message& check, std::size_t index, const Path& from, SteadyTime now);
    void on_answer(const stun::Message& answer, std::size_t index, const Path& from, SteadyTime now);
    void by_address(std::size_t index, const Path& from, SteadyTime now);
    Drop pass(IceSeat& seat, std::size_t index, const Path& from, SteadyTime now);
    IceSeat* seat_of(const stun::Message& check) const;
    void claim(IceSeat& seat, const Path& path, SteadyTime now);
    void challenge(IceSeat& seat, const Path& path);
    void settle(IceSeat& seat, const Path& path, SteadyTime now);
    void make_room(IceSeat& seat);
    static void let_go(IceSeat& seat, const Path& path);
    void forget_question(IceSeat& seat);

    std::vector<UdpSocket> sockets_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::shared_ptr<IcePortCounters> counters_;
    std::unordered_map<std::string, IceSeat*, NameHash, std::equal_to<>> names_;
    AddressTable addresses_;
    std::map<stun::TransactionId, IceSeat*> questions_;  // one a seat at most
    std::unique_ptr<Batch> batch_;
    SendBatch out_;
    LatencyProbe probe_{counters_->latency};
    std::size_t probed_ = 0;  // sockets that have had their turn
    bool crowded_ = false;
};

}  // namespace carillon::relay
