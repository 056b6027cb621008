/// A shard's listeners for TCP and TLS, and the clients that came in by them.
/// Spec: RFC 8656 §3.1; docs/turn.md (limits).
/// Not here: one client (stream_client.h).
#pragma once
#include <array>
#include <unordered_map>

#include "relay/turn/stream_client.h"
#include "relay/turn/turn_shared.h"

namespace carillon::relay {

/// Threading: its shard.  Owns: the listeners and the clients.
class StreamDoor {
  public:
    StreamDoor(ShardService& service, TurnShared& shared, ClientEvents& events, Poller& poller);
    ~StreamDoor();

    void listen(StreamSocket listener, const stun::TransportAddress& local);
    /// A connection that was accepted elsewhere, or comes from another shard.
    StreamClient* adopt(StreamClient::Parcel parcel, SteadyTime now);
    StreamClient* find(const stun::turn::FiveTuple& tuple);
    /// At the end of a round: writes what was queued, forgets what has ended.
    void flush();
    void tick(SteadyTime now);
    std::size_t size() const { return clients_.size(); }

    // For clients.
    ClientEvents& events() { return events_; }
    std::shared_ptr<const Certificates> certificates() const { return shared_.certificates.load(); }
    std::span<std::byte> buffer() { return *buffer_; }
    bool may_shake_hands();
    void write_later(StreamClient& client);
    void bury(StreamClient& client);

  private:
    struct ListenPort;
    using Buffer = std::array<std::byte, StreamClient::kMessageMost + StreamSocket::kReadSize>;
    void accept(ListenPort& port, SteadyTime now);
    void rest(bool on);

    ShardService& service_;
    TurnShared& shared_;
    ClientEvents& events_;
    Poller& poller_;
    std::vector<std::unique_ptr<ListenPort>> ports_;
    std::unordered_map<StreamClient*, std::unique_ptr<StreamClient>> clients_;
    std::vector<std::unique_ptr<StreamClient>> buried_;  // until no event of this round can name them
    std::vector<StreamClient*> dirty_;
    std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();
    int handshakes_left_ = 0;
    bool resting_ = false;  // out of descriptors
};

}  // namespace carillon::relay
