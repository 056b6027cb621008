#include "stun/turn/allocation.h"

namespace carillon::stun::turn {

bool Allocation::permit(const TransportAddress& peer, SteadyTime now) {
    const auto until = now + kPermissionLifetime;
    const auto known =
        std::ranges::find_if(permissions, [&](const Permission& one) { return same_ip(one.peer, peer); });
    if (known != permissions.end()) {
        known->expires = until;
    } else {
        if (permissions.size() >= kMaxPermissions) forget_expired(now);
        if (permissions.size() >= kMaxPermissions) return false;
        permissions.push_back({peer, until});
    }
    for (auto& channel : channels)
        if (same_ip(channel.peer, peer)) channel.permitted = until;
    return true;
}

void Allocation::forget_expired(SteadyTime now) {
    std::erase_if(permissions, [&](const Permission& one) { return now >= one.expires; });
    std::erase_if(channels, [&](const Channel& one) { return now >= one.expires; });
}

}  // namespace carillon::stun::turn
