/// What the TURN server asks of whoever has the sockets.
/// Not here: the sockets themselves (relay/turn), the state machine (server.h).
#pragma once
#include <expected>
#include <optional>

#include "stun/turn/allocation.h"
#include "stun/turn/authentication.h"

namespace carillon::stun::turn {

using ReservationToken = std::array<std::byte, 8>;

/// A relayed transport address that is wanted.
struct RelayRequest {
    bool v4 = true;
    bool v6 = false;
    bool v6_optional = false;  ///< ADDITIONAL-ADDRESS-FAMILY: with v4 alone it is a success still
    bool tcp = false;
    bool even = false;
    bool reserve_next = false;
    std::optional<ReservationToken> reservation;
};

struct Opened {
    std::unique_ptr<Relay> relay;
    std::optional<TransportAddress> v4, v6;  ///< as clients are told
    std::optional<ReservationToken> reservation;
};

/// Threading: the shard of the server that calls it.
class Host {
  public:
    virtual ~Host() = default;
    /// Opens sockets, or says 440 or 508.
    virtual std::expected<Opened, Refusal> open(const RelayRequest& request) = 0;
    /// Its permissions, channels or lifetime are others now.
    virtual void changed(Allocation&) {}
    /// The allocation holds: its relay may pass data to it from now on, until it is gone.
    virtual void installed(Allocation& allocation) = 0;
    /// The client has a new five-tuple (RFC 8016).
    virtual void moved(Allocation& allocation, const FiveTuple& before) = 0;
    virtual void ended(Allocation& allocation) = 0;
    /// The client's stream is gone, but its ticket (RFC 8016) may bring it back: data for it goes nowhere meanwhile.
    virtual void detached(Allocation&) {}
    /// It goes to another server of this process, or came from one.
    virtual void leaves(Allocation&) {}
    virtual void arrived(Allocation&) {}
    virtual void send(Allocation& allocation, const TransportAddress& peer, Bytes data, bool dont_fragment) = 0;

    /// RFC 6062: what comes of it is told with Server::connected(). Refused at once: 446, 508.
    struct PendingConnect {
        TransportAddress peer;
        TransactionId id;
        bool sha256 = false;
        bool fingerprint = false;
    };
    virtual std::optional<Refusal> connect(Allocation& allocation, const PendingConnect& pending) = 0;
    /// RFC 6062: ties the stream that `tuple` names to a waiting connection of this user; false when there is none.
    virtual bool bind_connection(const FiveTuple& tuple, std::uint32_t connection, const Owner& owner) = 0;
};

}  // namespace carillon::stun::turn
