/// A shard's DTLS clients, found by address; strangers answer with a cookie before anything is kept of them.
/// Spec: RFC 6347 §4.2.1 (cookies), §4.2.8 (a client that begins anew from the same address).
/// Not here: one client (dtls_client.h), the socket that they share (turn_service.h).
#pragma once
#include <array>
#include <unordered_map>

#include "relay/turn/dtls_client.h"
#include "relay/turn/turn_shared.h"

namespace carillon::relay {

/// A first octet of 20 to 63 (RFC 7983 §7).
inline bool looks_like_dtls(Bytes datagram) {
    constexpr std::size_t kRecordHeader = 13;
    const auto first = datagram.empty() ? 0u : std::to_integer<unsigned>(datagram[0]);
    return datagram.size() > kRecordHeader && first >= 20 && first <= 63;
}

/// Threading: its shard.
class DtlsDoor {
  public:
    DtlsDoor(TurnShared& shared, ClientEvents& events);
    ~DtlsDoor();

    /// `tuple.transport` is dtls; `fd` is the listener's socket.
    void take(int fd, const stun::turn::FiveTuple& tuple, const sockaddr_storage& from, Bytes datagram, SteadyTime now);
    void flush();
    void tick(SteadyTime now);
    ClientLink* find(const stun::turn::FiveTuple& tuple);
    std::size_t size() const { return clients_.size(); }

  private:
    using Clients = std::unordered_map<stun::turn::FiveTuple, std::unique_ptr<DtlsClient>, stun::turn::FiveTupleHash>;
    void greet(int fd, const stun::turn::FiveTuple& tuple, const sockaddr_storage& from, Bytes datagram,
               SteadyTime now);
    void greet_in_pieces(int fd, const stun::turn::FiveTuple& tuple, const sockaddr_storage& from,
                         const HelloFragment& first, Bytes datagram, SteadyTime now);
    void admit(DtlsSession session, const stun::turn::FiveTuple& tuple, SteadyTime now);
    void let_go(Clients::iterator client, SteadyTime now);

    TurnShared& shared_;
    ClientEvents& events_;
    Clients clients_;
    DtlsSession spare_;  // answers strangers
    std::vector<std::unique_ptr<DtlsClient>> buried_;
    std::array<std::byte, DtlsClient::kMessageMost> buffer_;
    int handshakes_left_;
};

}  // namespace carillon::relay
