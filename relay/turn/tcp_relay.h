/// An allocation that relays TCP connections: its listener, connections to and from peers, data connections tied to
/// them.
/// Spec: RFC 6062 §5.2 (Connect), §5.3 (incoming), §5.4 (ConnectionBind).
/// Not here: what requests mean (stun/turn/peers.cpp), the pipe itself (stream_end.h).
#pragma once
#include <map>

#include "relay/turn/any_relay.h"

namespace carillon::relay {

/// A connection with a peer, until its client ties a data connection to it and then as the pipe's far end.
/// Threading: its shard.
struct TurnService::TcpPeer final : StreamEnd {
    TcpPeer(TcpRelay& owner, StreamSocket connection, const stun::TransportAddress& peer, std::uint32_t number);
    /// Waits for connect() to be through.
    void connecting(const PendingConnect& request, SteadyTime deadline);
    /// Waits for the client's ConnectionBind.
    void waiting_for_client(SteadyTime deadline);
    void ready(std::uint32_t events, SteadyTime now) override;
    void ended() override;
    void connected(SteadyTime now);
    void fail();

    TcpRelay* relay;
    stun::TransportAddress address;
    std::uint32_t id;
    std::optional<PendingConnect> pending;
    SteadyTime expires{};
};

/// Threading: its shard.
struct TurnService::TcpRelay final : AnyRelay {
    static constexpr std::size_t kMostPeers = 64;
    static constexpr std::chrono::seconds kPatience{30};  ///< §5.2, §5.3: at least 30 seconds

    struct ListenPort final : TurnPort {
        void ready(std::uint32_t events, SteadyTime now) override;
        StreamSocket held;
        TcpRelay* relay = nullptr;
    };

    explicit TcpRelay(TurnService& owner) : AnyRelay{owner} {}
    ~TcpRelay() override;
    /// Listens at a relayed address; false when another program has the port.
    bool listen(const stun::TransportAddress& bound);
    std::optional<stun::turn::Refusal> connect(const PendingConnect& pending, SteadyTime now);
    void accept(ListenPort& port, SteadyTime now);
    TcpPeer* waiting(std::uint32_t id);
    void bury(TcpPeer& peer);
    void watch() override;
    void unwatch() override;

    std::array<ListenPort, 2> listeners;  // IPv4, IPv6
    std::map<std::uint32_t, std::unique_ptr<TcpPeer>> peers;

  private:
    TcpPeer& add(StreamSocket socket, const stun::TransportAddress& peer);
    std::uint32_t new_id() const;
};

}  // namespace carillon::relay
