/// Connectivity checks that came too early, kept until they can pass.
/// A call's first checks cross its signaling: one may come before the other side's address or this side's credentials
/// are known. Dropped, it would be sent again only after the client's retransmission time, half a second in some.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "config/base/bytes.h"
#include "relay/learning/address.h"

namespace carillon::relay {

/// One check a leg and component: the newest, as a newer one replaces the older in the client as well.
/// Threading: its shard. Allocates nothing.
class HeldChecks {
  public:
    static constexpr std::size_t kMaxSize = 512;

    struct Held {
        std::array<std::byte, kMaxSize> data;
        std::uint16_t size = 0;  // 0: nothing
        std::uint8_t socket = 0;
        Address from;
    };

    void keep(std::size_t leg, std::size_t component, std::uint8_t socket, Bytes check, const Address& from) {
        if (check.empty() || check.size() > kMaxSize) return;
        auto& held = slots_[leg * 2 + component];
        std::memcpy(held.data.data(), check.data(), check.size());
        held.size = static_cast<std::uint16_t>(check.size());
        held.socket = socket;
        held.from = from;
    }
    std::optional<Held> take(std::size_t leg, std::size_t component) {
        auto& held = slots_[leg * 2 + component];
        if (held.size == 0) return std::nullopt;
        const Held taken = held;
        held.size = 0;
        return taken;
    }

  private:
    std::array<Held, 4> slots_{};
};

}  // namespace carillon::relay
