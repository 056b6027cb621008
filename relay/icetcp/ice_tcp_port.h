/// The TCP port of a shard for ICE: takes connections of endpoints that get no UDP through, and finds out whose each
/// is. Spec: RFC 6544 (we are passive), RFC 4571, RFC 8445 §7.3; docs/relay.md, "ICE over TCP". Not here: one
/// connection (ice_tcp_connection.h), which numbers the ports have (control/ice_tcp_ports.h).
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/engine/shard_service.h"
#include "relay/icetcp/ice_tcp_connection.h"
#include "relay/icetcp/ice_tcp_seat.h"
#include "relay/turn/send_batch.h"

namespace carillon::relay {

struct IceTcpLimits {
    std::uint32_t connections = 20'000;  ///< of the worker
    std::uint32_t per_address = 200;     ///< IPv6 counts by /64
    std::uint32_t waiting = 512;         ///< of a shard, that have shown nothing yet; beyond, the oldest gives way
    std::uint32_t waiting_per_address = 32;
};

/// What all shards' ports have in common.  Threading: any.
struct IceTcpPlaces {
    explicit IceTcpPlaces(const IceTcpLimits& limits);
    AddressPlaces all;
    AddressPlaces waiting;
};

/// Written by the shard, read by anybody.
struct IceTcpCounters {
    std::atomic<std::uint64_t> connections{0};   ///< now
    std::atomic<std::uint64_t> accepted{0};      ///< since start
    std::atomic<std::uint64_t> refused{0};       ///< one address or all had their fill
    std::atomic<std::uint64_t> unknown_user{0};  ///< began with a check by a name that is no leg's
    std::atomic<std::uint64_t> unproven{0};      ///< began with something else, or with nothing for too long
    std::atomic<std::uint64_t> oversize{0};      ///< announced a longer packet than there are
    std::atomic<std::uint64_t> full{0};          ///< packets that found too much waiting
    std::atomic<std::uint64_t> packets{0};       ///< that came over TCP and were sent on
};

/// Threading: its shard, from attach() on.  Owns: the listening sockets and all connections.
class IceTcpPort final : public ShardService {
  public:
    IceTcpPort(std::vector<StreamSocket> listeners, const IceTcpLimits& limits, std::shared_ptr<IceTcpPlaces> places,
               std::shared_ptr<IceTcpCounters> counters);
    ~IceTcpPort() override;

    void attach(int epoll) override { poller_.use(epoll); }
    void start(std::function<void(Port&)> watch) override;
    void ready(Port& port, std::uint32_t events, SteadyTime now) override;
    void flush() override;
    void tick(SteadyTime now) override;
    /// Whether there is something for flush() to do.
    bool waits() const { return !dirty_.empty() || !buried_.empty(); }

    // Of seats.
    void rename(IceTcpSeat& seat);
    void leave(IceTcpSeat& seat);

    // Of connections.
    /// Has `first` find whose the connection is; false: nobody's.
    bool admit(IceTcpConnection& connection, Bytes first, SteadyTime now);
    void deliver(IceTcpConnection& connection, Bytes packet, SteadyTime now);
    void send_out();
    void write_later(IceTcpConnection& connection);
    void bury(IceTcpConnection& connection);
    void count_oversize();
    void count_full();
    Poller& poller() { return poller_; }
    std::span<std::byte> room();

  private:
    struct Listener;
    struct Buffers;
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    void accept(Listener& listener, SteadyTime now);
    void make_room();
    void rest(bool on);
    IceTcpSeat* seat_of(const stun::Message& check) const;
    Decision decide(const Port& place, const Address& from, Bytes& packet, SteadyTime now);
    std::span<std::byte> slot();

    IceTcpLimits limits_;
    std::shared_ptr<IceTcpPlaces> places_;
    std::shared_ptr<IceTcpCounters> counters_;
    Poller poller_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::unordered_map<IceTcpConnection*, std::unique_ptr<IceTcpConnection>> connections_;
    std::vector<IceTcpConnection*> waiting_;                 // that are nobody's yet, oldest first
    std::vector<std::unique_ptr<IceTcpConnection>> buried_;  // an event of this round may name them
    std::vector<IceTcpConnection*> dirty_;
    /// Names that clients choose may be equal: the password decides.
    std::unordered_multimap<std::string, IceTcpSeat*, NameHash, std::equal_to<>> names_;
    std::unique_ptr<Buffers> buffers_;
    std::size_t slots_used_ = 0;
    SendBatch out_;
    std::uint64_t sent_ = 0;  // to connections; out_ counts the rest
    SteadyTime looked_{};     // for those past a deadline
    bool resting_ = false;
};

}  // namespace carillon::relay
