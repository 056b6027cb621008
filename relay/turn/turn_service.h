/// TURN on a data shard: clients over UDP, TCP, TLS and DTLS, and the relays' sockets; what is read is decided and sent
/// in batches.
/// Spec: RFC 8656 §11, §12; docs/turn.md.
/// Not here: what requests mean (stun/turn/server.h), streams (stream_door.h), DTLS (dtls_door.h).
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "relay/engine/binding_port.h"
#include "relay/engine/shard_service.h"
#include "relay/journal/turn_record.h"
#include "relay/turn/dtls_door.h"
#include "relay/turn/send_batch.h"
#include "relay/turn/stream_door.h"
#include "relay/turn/turn_shared.h"
#include "stun/nat_discovery.h"

namespace carillon::relay {

/// What happened, for the status; written by the shard, read by anybody.
struct TurnCounters {
    std::atomic<std::uint64_t> packets{0}, allocations{0}, bindings{0}, unauthorized{0}, dropped{0}, connections{0};
    std::atomic<std::uint64_t> kernel_drops{0};  ///< of clients over UDP: the listener was full
};

/// Threading: its shard.  Owns: its listeners, the allocations and their sockets.
class TurnService final : public ShardService, private stun::turn::Host, private ClientEvents {
  public:
    struct Listener {
        UdpSocket socket;
        stun::TransportAddress local;
        bool discovery = false;  ///< RFC 5780: one of four, with the alternate address, port or both
        bool alternate_address = false;
        bool alternate_port = false;
    };
    struct StreamListener {
        StreamSocket socket;
        stun::TransportAddress local;
    };
    TurnService(std::shared_ptr<TurnShared> shared, std::uint8_t place, std::vector<Listener> listeners,
                std::vector<StreamListener> stream_listeners, std::shared_ptr<TurnCounters> counters);
    ~TurnService() override;

    void attach(int epoll) override { poller_.use(epoll); }
    void start(std::function<void(Port&)> watch) override;
    void ready(Port& port, std::uint32_t events, SteadyTime now) override;
    void flush() override;
    void tick(SteadyTime now) override;
    /// What a predecessor had, on its port again; before start().
    struct Inherited {
        journal::LeftAllocation left;
        BoundPort port;
        std::unique_ptr<journal::TurnRecord> record;
    };
    void inherit(Inherited one) { inherited_.push_back(std::move(one)); }
    /// A connection that was accepted elsewhere.
    void adopt(StreamClient::Parcel parcel);

  private:
    struct AnyRelay;
    struct UdpRelay;
    struct RelayPort;
    struct ListenPort;
    struct TcpRelay;
    struct TcpPeer;
    struct Buffers;

    // stun::turn::Host
    std::expected<stun::turn::Opened, stun::turn::Refusal> open(const stun::turn::RelayRequest& request) override;
    void installed(stun::turn::Allocation& allocation) override;
    void changed(stun::turn::Allocation& allocation) override;
    void moved(stun::turn::Allocation& allocation, const stun::turn::FiveTuple& before) override;
    void ended(stun::turn::Allocation& allocation) override;
    void detached(stun::turn::Allocation& allocation) override;
    void leaves(stun::turn::Allocation& allocation) override;
    void arrived(stun::turn::Allocation& allocation) override;
    void send(stun::turn::Allocation& allocation, const stun::TransportAddress& peer, Bytes data,
              bool dont_fragment) override;
    std::optional<stun::turn::Refusal> connect(stun::turn::Allocation&, const PendingConnect&) override;
    bool bind_connection(const stun::turn::FiveTuple&, std::uint32_t, const stun::turn::Owner&) override;

    // ClientEvents
    void on_message(ClientLink& client, Bytes message, SteadyTime now) override;
    void on_batch() override { peers_.flush(); }
    void on_gone(ClientLink& client, SteadyTime now) override;
    bool has_allocation(const ClientLink& client) override { return server_.find(client.tuple()) != nullptr; }

    void from_client(ListenPort& port, SteadyTime now);
    void from_client(ListenPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now);
    void channel_data(const stun::turn::FiveTuple& tuple, Bytes datagram, SteadyTime now);
    void binding(ListenPort& port, Bytes datagram, const stun::TransportAddress& source, SteadyTime now);
    void discovery(ListenPort& port, Bytes datagram, const stun::TransportAddress& source, SteadyTime now);
    Bytes answer_of(const stun::turn::FiveTuple& tuple, Bytes message, SteadyTime now);
    void answer(int fd, const stun::TransportAddress& to, Bytes message);
    bool bind_elsewhere(ClientLink& client, Bytes message);
    /// RFC 8016: the allocation is another shard's; it is fetched, and the Refresh handled then.
    bool fetch_elsewhere(const stun::turn::FiveTuple& tuple, Bytes message);
    void fetched(const stun::turn::FiveTuple& tuple, Bytes message);
    std::expected<stun::turn::Opened, stun::turn::Refusal> open_udp(const stun::turn::RelayRequest& request);
    bool restore(Inherited& one);
    std::expected<stun::turn::Opened, stun::turn::Refusal> open_tcp(const stun::turn::RelayRequest& request);
    void send_unfragmented(RelayPort& port, const stun::TransportAddress& peer, Bytes data);
    void from_peer(RelayPort& port, SteadyTime now);
    void from_peer(RelayPort& port, Bytes datagram, std::uint8_t mark, const sockaddr_storage& source, SteadyTime now);
    void icmp(RelayPort& port, SteadyTime now);
    void to_client(const stun::turn::Allocation& allocation, Bytes message);
    void expire_peers(SteadyTime now);
    void belongs_to(stun::turn::Allocation& allocation);
    int listener_of(const stun::TransportAddress& local) const;
    ListenPort* sibling(const ListenPort& port, bool other_address, bool other_port) const;
    stun::turn::Server::Time time(SteadyTime now) const;

    std::shared_ptr<TurnShared> shared_;
    std::uint8_t place_;
    std::shared_ptr<TurnCounters> counters_;
    std::vector<Listener> listeners_;
    std::vector<StreamListener> stream_listeners_;
    std::vector<std::unique_ptr<ListenPort>> ports_;
    std::vector<Inherited> inherited_;
    Poller poller_;
    std::unique_ptr<Buffers> buffers_;
    SendBatch peers_;
    SendBatch clients_;
    BindingRate binding_rate_;
    stun::turn::AnswerBudget discovery_budget_;
    std::vector<std::unique_ptr<stun::turn::Relay>> ended_;  // until no event of this round can name them
    std::vector<std::unique_ptr<TurnPort>> ended_ports_;
    std::unordered_map<std::uint32_t, TcpPeer*> tcp_peers_;  // by connection identifier
    std::uint8_t mark_ = 0;                                  // of the client's datagram that is being handled
    std::uint64_t relayed_ = 0;                              // over streams and DTLS
    ClientLink* asking_ = nullptr;                           // whose message is being handled, unless plain UDP
    StreamDoor streams_;
    DtlsDoor dtls_;
    stun::turn::Server server_;
};

}  // namespace carillon::relay
