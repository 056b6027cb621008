/// What the TURN services of all shards have in common: who may use it, whom they may reach, ports.
/// Not here: sockets of clients (turn_service.h).
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/journal/turn_record.h"
#include "relay/ports/port_allocator.h"
#include "relay/turn/address_places.h"
#include "relay/turn/certificates.h"
#include "stun/turn/server.h"

namespace carillon::relay {

class TurnService;

struct TurnOptions {
    std::uint16_t tls_port = 0;     ///< 0: TLS and DTLS on the STUN port alone
    std::string certificates_file;  ///< lines of domain, certificate, key; empty: no TLS, no DTLS
    bool tcp = true;                ///< clients over TCP and TLS
    /// RFC 5780: the second address and port of NAT discovery; empty, 0: none.
    std::string alternate_address;
    std::uint16_t alternate_port = 0;
    std::uint32_t connections = 20'000;  ///< over TCP, TLS and DTLS
    std::uint32_t connections_per_address = 200;
    std::string realm = "carillon";
    std::vector<Secret> secrets;
    std::map<std::string, Secret> users;
    std::vector<std::string> allow, deny;  ///< prefixes of peers
    std::uint16_t peer_port_first = 0;     ///< relay ports of this host, of every worker; 0: this worker's
    std::uint16_t peer_port_last = 0;
    std::size_t allocations_per_user = 50;
    std::uint64_t octets_per_second_per_user = 0;  ///< 0: no cap
    stun::turn::ServerSettings server;
};

/// Threading: constant, but for reservations and users, which lock.
class TurnShared {
  public:
    /// Throws std::runtime_error with the remedy.
    TurnShared(TurnOptions options, PortAllocator& ports, std::vector<std::string> advertise);

    /// A relay port and the sockets on it, by place in PortOptions::bind; empty when there is none.
    struct Taken {
        BoundPort port;
        std::optional<stun::turn::ReservationToken> reservation;
    };
    std::optional<Taken> take(const stun::turn::RelayRequest& request, SteadyTime now);
    void give_back(std::uint16_t port) { ports_.release(port); }
    void forget_reservations(SteadyTime now);
    /// What a predecessor had reserved, with its port again.
    void inherit(const journal::LeftReservation& left, BoundPort port);

    /// The place of the first bind address of a family.
    std::optional<std::size_t> place(bool v6) const;
    /// As clients are told.
    stun::TransportAddress advertised(std::size_t place, std::uint16_t port) const;
    /// Where a peer is reached that was told by an address of ours that is not this host's (NAT), and back.
    stun::TransportAddress outward(const stun::TransportAddress& peer) const;
    stun::TransportAddress inward(const stun::TransportAddress& source) const;

    /// Reads the certificates anew; on failure the old ones stay, and the text says why.
    std::expected<void, std::string> load_certificates();
    /// The address that relay ports of a place are bound to.
    stun::TransportAddress bound(std::size_t place) const { return places_[place].bound; }
    /// Runs on another shard. Set up before the services start.
    using Errand = std::function<void(TurnService&)>;
    std::vector<std::function<void(Errand)>> shards;

    std::atomic<bool> draining{false};      ///< no new allocations
    journal::BlockFile* journal = nullptr;  ///< where allocations are put down; null: nowhere
    std::atomic<std::shared_ptr<const Certificates>> certificates;
    AddressPlaces places_for_clients;
    const TurnOptions options;
    const stun::turn::Credentials credentials;
    const stun::turn::Nonces nonces;
    const stun::turn::PeerPolicy policy;
    stun::turn::Users users;

  private:
    struct Reserved {
        BoundPort port;
        SteadyTime expires{};
        std::unique_ptr<journal::TurnRecord> record{};
    };
    struct Place {
        stun::TransportAddress bound;
        stun::TransportAddress told;
        stun::TransportAddress reach;
        bool mapped = false;  ///< told and reach differ
    };
    static std::vector<Place> places(const PortOptions& ports, const std::vector<std::string>& advertise);
    static stun::turn::PeerPolicy make_policy(const TurnOptions& options, const PortOptions& ports,
                                              const std::vector<Place>& places);

    PortAllocator& ports_;
    std::vector<Place> places_;
    static constexpr std::size_t kMaxReserved = 64;
    void reserve(const stun::turn::ReservationToken& token, BoundPort port, SteadyTime expires);
    std::mutex mutex_;  // guards reserved_
    std::map<stun::turn::ReservationToken, Reserved> reserved_;
};

stun::TransportAddress to_stun(const sockaddr_storage& raw);
socklen_t fill(const stun::TransportAddress& address, sockaddr_storage& out);

}  // namespace carillon::relay
