/// The buffers that a TURN service reads into: its own, used over and over.
/// Spec: udp(7), UDP_GRO: the kernel hands datagrams of one size from one place over as one message, as they came from
/// the network card or the sender, and says how large each is.
#pragma once
#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "relay/ports/mark.h"
#include "relay/turn/turn_service.h"

namespace carillon::relay {

inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

/// Asks the kernel for datagrams that came together as one message; older ones have no ear for it.
inline void join_datagrams(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
}

/// Threading: its shard.
struct TurnService::Buffers {
    static constexpr std::size_t kMaxDatagram = 2048;
    static constexpr std::size_t kMaxMessage = 65'536;  // of datagrams together; pages that stay empty cost nothing
    /// From one message's place to the next: no power of two, or all of them would share a few lines of the cache.
    static constexpr std::size_t kStride = kMaxMessage + 33 * 64;
    static constexpr std::size_t kFromClients = 32;  // messages read at once
    static constexpr std::size_t kFromPeers = 16;
    static constexpr std::size_t kHeld = 256;  // messages of peers that wait to be sent together

    template <std::size_t N>
    struct Set {
        struct alignas(cmsghdr) Control {
            std::array<std::byte, 2 * CMSG_SPACE(sizeof(int))> octets{};  // a size and a mark
        };
        std::unique_ptr<std::byte[]> data{new std::byte[N * kStride]};  // not touched before it is written to
        std::array<Control, N> controls;
        std::array<sockaddr_storage, N> from;
        std::array<iovec, N> vectors;
        std::array<mmsghdr, N> messages;
        Set() {
            for (std::size_t i = 0; i < N; ++i) {
                vectors[i] = {at(i), kMaxMessage};
                messages[i] = {};
                messages[i].msg_hdr.msg_name = &from[i];
                messages[i].msg_hdr.msg_iov = &vectors[i];
                messages[i].msg_hdr.msg_iovlen = 1;
                messages[i].msg_hdr.msg_control = controls[i].octets.data();
            }
        }
        std::byte* at(std::size_t i) { return data.get() + i * kStride; }
        std::size_t receive(int fd, std::size_t first, std::size_t most) {
            for (std::size_t i = first; i < first + most; ++i) {
                messages[i].msg_hdr.msg_namelen = sizeof from[i];
                messages[i].msg_hdr.msg_controllen = sizeof(Control);
            }
            const int got = ::recvmmsg(fd, messages.data() + first, static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
            return got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        /// Of all datagrams of the message: those that differ are not joined.
        std::uint8_t mark(std::size_t i) { return Mark::of(messages[i].msg_hdr); }
        /// Each datagram of the message, but for those larger than any that is relayed.
        template <class Take>
        void each(std::size_t i, Take take) {
            const std::size_t size = messages[i].msg_len;
            const auto one = joined(i);
            if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 || (one == 0 ? size : one) > kMaxDatagram) return;
            if (one == 0) return take(Bytes{at(i), size});
            for (std::size_t begin = 0; begin < size; begin += one)
                take(Bytes{at(i) + begin, std::min(one, size - begin)});
        }

      private:
        /// The size of each of them when the message is several datagrams, 0 when it is one.
        std::size_t joined(std::size_t i) {
            auto& head = messages[i].msg_hdr;
            int size = 0;
            for (auto* one = CMSG_FIRSTHDR(&head); one; one = CMSG_NXTHDR(&head, one))
                if (one->cmsg_level == IPPROTO_UDP && one->cmsg_type == UDP_GRO)
                    std::memcpy(&size, CMSG_DATA(one), sizeof size);
            return size > 0 && static_cast<std::size_t>(size) < messages[i].msg_len ? static_cast<std::size_t>(size)
                                                                                    : 0;
        }
    };
    Set<kFromClients> clients;
    Set<kHeld> peers;
    std::size_t held = 0;
    std::uint32_t round = 0;  // looks at the sockets so far
    std::size_t ports = 0;    // in this one
    void next_round() {
        if (std::exchange(ports, 0) < kMany) ++round;
    }
    static constexpr std::size_t kMany = 128;

    /// How many messages to ask a peer's port for. Asking for many costs a second look at an empty socket; where they
    /// have come one by one for a while, one is asked for, until another is waiting at the very next look. Looks with
    /// many ports count as one: then it is work that piles up.
    std::size_t worth_asking(Port& port) {
        ++ports;
        if (round - std::exchange(port.last_round, round) <= 1) port.alone = 0;
        return port.alone < kAlone ? kFromPeers : 1;
    }
    static void learn(Port& port, std::size_t asked, std::size_t got) {
        if (asked > 1) port.alone = got > 1 ? 0 : static_cast<std::uint8_t>(port.alone + 1);
    }
    static constexpr std::uint8_t kAlone = 8;
    std::array<std::byte, stun::turn::Server::kMaxAnswer> answer;
    std::array<std::byte, kMaxDatagram + 256> indication;
};

}  // namespace carillon::relay
