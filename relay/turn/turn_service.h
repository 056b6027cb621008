/// TURN on a data shard, over UDP: the listeners' and the relays' sockets, read, decided and sent in batches.
/// Spec: RFC 8656 §11, §12; docs/turn.md.
/// Not here: what requests mean (stun/turn/server.h).
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "relay/engine/binding_port.h"
#include "relay/engine/shard_service.h"
#include "relay/engine/stream.h"
#include "relay/turn/send_batch.h"
#include "relay/turn/turn_shared.h"

namespace carillon::relay {

/// What happened, for the status; written by the shard, read by anybody.
struct TurnCounters {
    std::atomic<std::uint64_t> packets{0}, allocations{0}, bindings{0}, unauthorized{0}, dropped{0};
};

/// Threading: its shard.  Owns: its listeners, the allocations and their sockets.
class TurnService final : public ShardService, private stun::turn::Host {
  public:
    struct Listener {
        UdpSocket socket;
        stun::TransportAddress local;
    };
    TurnService(std::shared_ptr<TurnShared> shared, std::vector<Listener> listeners,
                std::shared_ptr<TurnCounters> counters);
    ~TurnService() override;

    void start(std::function<void(Port&)> watch) override;
    void ready(Port& port, std::uint32_t events, SteadyTime now) override;
    void flush() override;
    void tick(SteadyTime now) override;

  private:
    struct UdpRelay;
    struct RelayPort;
    struct ListenPort;
    struct Buffers;

    // stun::turn::Host
    std::expected<stun::turn::Opened, stun::turn::Refusal> open(const stun::turn::RelayRequest& request) override;
    void installed(stun::turn::Allocation& allocation) override;
    void moved(stun::turn::Allocation& allocation, const stun::turn::FiveTuple& before) override;
    void ended(stun::turn::Allocation& allocation) override;
    void send(stun::turn::Allocation& allocation, const stun::TransportAddress& peer, Bytes data,
              bool dont_fragment) override;
    std::optional<stun::turn::Refusal> connect(stun::turn::Allocation&, const PendingConnect&) override;
    bool bind_connection(const stun::turn::FiveTuple&, std::uint32_t, const stun::turn::Owner&) override;

    void from_client(ListenPort& port, SteadyTime now);
    void from_client(ListenPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now);
    void channel_data(const stun::turn::FiveTuple& tuple, Bytes datagram, SteadyTime now);
    void binding(ListenPort& port, Bytes datagram, const stun::TransportAddress& source, SteadyTime now);
    void from_peer(RelayPort& port, SteadyTime now);
    void from_peer(RelayPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now);
    void icmp(RelayPort& port, SteadyTime now);
    void to_client(const stun::turn::Allocation& allocation, Bytes datagram);
    int listener_of(const stun::TransportAddress& local) const;
    stun::turn::Server::Time time(SteadyTime now) const;

    std::shared_ptr<TurnShared> shared_;
    std::shared_ptr<TurnCounters> counters_;
    std::vector<Listener> listeners_;
    std::vector<std::unique_ptr<ListenPort>> ports_;
    std::function<void(Port&)> watch_;
    std::unique_ptr<Buffers> buffers_;
    SendBatch peers_;
    SendBatch clients_;
    BindingRate binding_rate_;
    std::vector<std::unique_ptr<stun::turn::Relay>> ended_;  // until no event of this round can name them
    stun::turn::Server server_;
};

}  // namespace carillon::relay
