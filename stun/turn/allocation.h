/// An allocation, its permissions and channels.
/// Spec: RFC 8656 §6 (allocations), §9 (permissions), §12 (channels); RFC 6062 §3 (TCP); RFC 8016 (mobility).
/// Not here: requests about it (server.h), its sockets (relay/turn).
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stun/turn/credentials.h"
#include "stun/turn/five_tuple.h"
#include "stun/turn/users.h"

namespace carillon::stun::turn {

inline constexpr std::chrono::seconds kPermissionLifetime{300};  // §9
inline constexpr std::chrono::seconds kChannelLifetime{600};     // §12

struct Permission {
    TransportAddress peer;  ///< its port does not count
    SteadyTime expires{};
};

struct Channel {
    std::uint16_t number = 0;
    TransportAddress peer;
    SteadyTime expires{};
    SteadyTime permitted{};  ///< until when there is a permission for the peer
    bool usable(SteadyTime now) const { return now < expires && now < permitted; }
};

/// The sockets behind an allocation; its end closes them and frees their ports.
class Relay {
  public:
    virtual ~Relay() = default;
};

/// How requests about it are authenticated: what the first one proved.
struct Owner {
    std::string user_name;
    std::string quota_name;
    std::string key;
    PasswordAlgorithm algorithm = PasswordAlgorithm::md5;
};

/// Threading: its shard.
struct Allocation {
    FiveTuple tuple;
    Owner owner;
    std::shared_ptr<User> user;
    TransactionId made_by{};  ///< a retransmitted Allocate gets the same answer
    bool tcp = false;         ///< RFC 6062: relays connections
    std::optional<TransportAddress> relayed_v4, relayed_v6;
    bool v6_refused = false;  ///< ADDITIONAL-ADDRESS-FAMILY could not be served
    std::optional<std::array<std::byte, 8>> reservation;
    std::string ticket;  ///< RFC 8016; empty: not mobile
    SteadyTime expires{};
    std::vector<Permission> permissions;
    std::vector<Channel> channels;
    std::unique_ptr<Relay> relay;

    static constexpr std::size_t kMaxPermissions = 128;
    static constexpr std::size_t kMaxChannels = 128;

    bool relays(bool v6) const { return v6 ? relayed_v6.has_value() : relayed_v4.has_value(); }
    Channel* channel(std::uint16_t number) {
        for (auto& one : channels)
            if (one.number == number) return &one;
        return nullptr;
    }
    Channel* channel_of(const TransportAddress& peer) {
        for (auto& one : channels)
            if (one.peer == peer) return &one;
        return nullptr;
    }
    bool permits(const TransportAddress& peer, SteadyTime now) const {
        return std::ranges::any_of(permissions,
                                   [&](const Permission& one) { return same_ip(one.peer, peer) && now < one.expires; });
    }
    /// Installs or refreshes; false when there are too many.
    bool permit(const TransportAddress& peer, SteadyTime now);
    void forget_expired(SteadyTime now);
};

}  // namespace carillon::stun::turn
