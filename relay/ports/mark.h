/// DSCP of what comes in, kept on what goes out: who asks the network for expedited forwarding gets it on both sides.
/// Marks belong to flows and hardly ever change, so one datagram of a port a second is looked at.
/// Spec: RFC 2474 (the field), RFC 8837 (what WebRTC sends). Not here: ECN, which belongs to single packets; what is
/// sent from here has none.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

#include "config/base/clock.h"

namespace carillon::relay {

/// Of one port: what its endpoint marks, and which socket has been told. Threading: its shard.
class Mark {
  public:
    /// Whether the next datagram is to be read with its mark.
    bool due(SteadyTime now) const { return now >= due_; }
    void seen(std::optional<std::uint8_t> traffic_class, SteadyTime now) {
        due_ = now + std::chrono::seconds{1};
        if (traffic_class) dscp_ = static_cast<std::uint8_t>(*traffic_class & 0xFC);
    }
    /// Before something of this port's leaves by `fd`: whether that socket is to be told.
    bool news_for(int fd) const { return told_ == -1 ? dscp_ != 0 : fd != told_ || dscp_ != set_; }
    void told(int fd) {
        told_ = fd;
        set_ = dscp_;
    }
    void put_on(int fd) const {
        const int value = dscp_;
        ::setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof value);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);  // refused by the other family
    }

    /// Has the socket tell marks with its datagrams, to who asks for them.
    static void tell(int fd) {
        const int on = 1;
        ::setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
    }
    static std::optional<std::uint8_t> of(msghdr& message) {
        for (auto* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
            if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_TOS)
                return *static_cast<const std::uint8_t*>(CMSG_DATA(one));
            int value = 0;
            if (one->cmsg_level != IPPROTO_IPV6 || one->cmsg_type != IPV6_TCLASS) continue;
            std::memcpy(&value, CMSG_DATA(one), sizeof value);
            return static_cast<std::uint8_t>(value);
        }
        return std::nullopt;
    }

  private:
    SteadyTime due_{};
    int told_ = -1;
    std::uint8_t dscp_ = 0;
    std::uint8_t set_ = 0;
};

}  // namespace carillon::relay
