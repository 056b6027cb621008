/// What the kernel is told beside a datagram that is sent: its mark, or how it is to be cut.
/// Spec: cmsg(3); ip(7), IP_TOS; ipv6(7), IPV6_TCLASS; udp(7), UDP_SEGMENT.
#pragma once
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace carillon::relay {

/// Threading: its owner's.  Stays where it is until the message has been sent.
class SendControl {
  public:
    /// Message and destination are set; begins anew.
    void clear(msghdr& message) {
        message.msg_control = nullptr;
        message.msg_controllen = 0;
    }
    void segments(msghdr& message, std::size_t size) {
        add(message, IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(size));
    }
    void mark(msghdr& message, std::uint8_t mark) {
        const bool v6 = static_cast<const sockaddr*>(message.msg_name)->sa_family == AF_INET6;
        add(message, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, int{mark});
    }

  private:
    template <class Value>
    void add(msghdr& message, int level, int type, Value value) {
        message.msg_control = room_.data();
        auto* const at = room_.data() + message.msg_controllen;
        cmsghdr one{};
        one.cmsg_level = level;
        one.cmsg_type = type;
        one.cmsg_len = CMSG_LEN(sizeof value);
        std::memcpy(at, &one, sizeof one);
        std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
        message.msg_controllen += CMSG_SPACE(sizeof value);
    }
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(int))> room_{};
};

}  // namespace carillon::relay
