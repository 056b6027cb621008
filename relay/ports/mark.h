/// DSCP and ECN of what comes in, kept on what goes out: who asks the network for expedited forwarding gets it on both
/// sides, and who listens to congestion hears of it from both. Each datagram is read with its mark and leaves with it.
/// Spec: RFC 2474 (the field), RFC 8837 (what WebRTC sends), RFC 3168 §5 (ECN), RFC 8656 §15 (TURN).
/// Not here: how a mark is written beside a datagram (send_control.h).
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace carillon::relay {

/// The octet that IPv4 calls type of service, and IPv6 traffic class.
struct Mark {
    static constexpr std::uint8_t kEcn = 0x03;
    /// Of what is not passed on, but made here in answer to it: congestion was not on its way.
    static std::uint8_t without_ecn(std::uint8_t mark) { return mark & static_cast<std::uint8_t>(~kEcn); }

    /// Has the socket tell marks with its datagrams, to who asks for them.
    static void tell(int fd) {
        const int on = 1;
        ::setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);  // refused by the other family
    }
    /// 0 where none is told.
    static std::uint8_t of(const cmsghdr& one) {
        if (one.cmsg_level == IPPROTO_IP && one.cmsg_type == IP_TOS)
            return *static_cast<const std::uint8_t*>(CMSG_DATA(&one));
        int value = 0;
        if (one.cmsg_level != IPPROTO_IPV6 || one.cmsg_type != IPV6_TCLASS) return 0;
        std::memcpy(&value, CMSG_DATA(&one), sizeof value);
        return static_cast<std::uint8_t>(value);
    }
    static std::uint8_t of(msghdr& message) {
        for (auto* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
            if (const auto mark = of(*one)) return mark;
        return 0;
    }
};

/// What each of a shard's own sockets marks by itself, so that only what differs has to say so. A DSCP belongs to a
/// flow and hardly ever changes: the socket is told. ECN belongs to single datagrams, and what the relay itself sends
/// bears none.
/// Threading: its shard.
class SocketMarks {
  public:
    /// A socket that nobody else sends by.
    void begin(int fd) {
        if (static_cast<std::size_t>(fd) >= sockets_.size()) sockets_.resize(static_cast<std::size_t>(fd) + 64);
        sockets_[static_cast<std::size_t>(fd)] = {.own = true};
    }
    void end(int fd) {
        if (static_cast<std::size_t>(fd) < sockets_.size()) sockets_[static_cast<std::size_t>(fd)] = {};
    }
    /// Whether a datagram that leaves by `fd` with this mark has to say so.
    bool differs(int fd, std::uint8_t mark) {
        if (static_cast<std::size_t>(fd) >= sockets_.size()) return mark != 0;
        auto& socket = sockets_[static_cast<std::size_t>(fd)];
        if (mark != socket.set) return stays_apart(socket, fd, mark);
        socket.seen = 0;
        return false;
    }

  private:
    static constexpr std::uint8_t kSteady = 8;  ///< of another DSCP, one after the other: then it is the flow's
    struct Socket {
        std::uint8_t set = 0;
        std::uint8_t candidate = 0;
        std::uint8_t seen = 0;  ///< of the candidate, since the one before
        bool own = false;
    };
    static bool stays_apart(Socket& socket, int fd, std::uint8_t mark) {
        const auto dscp = Mark::without_ecn(mark);
        if (dscp == socket.set || !socket.own) return true;
        if (dscp != socket.candidate) socket.seen = 0;
        socket.candidate = dscp;
        if (++socket.seen < kSteady) return true;
        socket = {.set = dscp, .own = true};
        const int value = dscp;
        ::setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof value);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
        return mark != dscp;
    }
    std::vector<Socket> sockets_;  // by descriptor
};

}  // namespace carillon::relay
