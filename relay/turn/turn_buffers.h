/// The buffers that a TURN service reads into: its own, used over and over.
#pragma once
#include <netinet/in.h>

#include <array>

#include "relay/turn/turn_service.h"

namespace carillon::relay {

inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

/// Threading: its shard.
struct TurnService::Buffers {
    static constexpr std::size_t kMaxDatagram = 2048;
    static constexpr std::size_t kFromClients = 32;  // read at once
    static constexpr std::size_t kFromPeers = 16;
    static constexpr std::size_t kHeld = 256;  // datagrams of peers that wait to be sent together

    template <std::size_t N>
    struct Set {
        std::array<std::array<std::byte, kMaxDatagram>, N> data;
        std::array<sockaddr_storage, N> from;
        std::array<iovec, N> vectors;
        std::array<mmsghdr, N> messages;
        Set() {
            for (std::size_t i = 0; i < N; ++i) {
                vectors[i] = {data[i].data(), kMaxDatagram};
                messages[i] = {};
                messages[i].msg_hdr.msg_name = &from[i];
                messages[i].msg_hdr.msg_iov = &vectors[i];
                messages[i].msg_hdr.msg_iovlen = 1;
            }
        }
        std::size_t receive(int fd, std::size_t first, std::size_t most) {
            for (std::size_t i = first; i < first + most; ++i) messages[i].msg_hdr.msg_namelen = sizeof from[i];
            const int got = ::recvmmsg(fd, messages.data() + first, static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
            return got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        bool whole(std::size_t i) const { return (messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0; }
        Bytes datagram(std::size_t i) const { return {data[i].data(), messages[i].msg_len}; }
    };
    Set<kFromClients> clients;
    Set<kHeld> peers;
    std::size_t held = 0;
    std::array<std::byte, stun::turn::Server::kMaxAnswer> answer;
    std::array<std::byte, kMaxDatagram + 256> indication;
};

}  // namespace carillon::relay
