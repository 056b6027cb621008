/// Which way a packet leaves this host, as the kernel's routing says.
/// Spec: rtnetlink(7), RTM_GETROUTE.
#pragma once
#include <cstdint>
#include <optional>

#include "relay/learning/address.h"

namespace carillon::relay {

struct Route {
    std::uint32_t device = 0;  ///< its index
    bool local = false;        ///< the target is this host
    std::uint32_t mtu = 0;     ///< of the path as far as known; else of the device
    Address source;            ///< ours, with the port that was asked with
};

/// `source` may be unspecified. Nullopt: there is no way, or not an ordinary one (multicast, prohibited).
std::optional<Route> route_to(const Address& source, const Address& target);

}  // namespace carillon::relay
