/// What one read of a shard fills.
#pragma once
#include <sys/socket.h>

#include <array>

#include "relay/engine/shard.h"

namespace carillon::relay {

/// The buffers of one read; the thread's own, used over and over.
struct Shard::Batch {
    std::array<std::array<std::byte, kMaxDatagram>, kBatch> data;
    std::array<sockaddr_storage, kBatch> from;
    std::array<iovec, kBatch> in;
    std::array<mmsghdr, kBatch> received;
    struct alignas(cmsghdr) Told {
        std::array<std::byte, 64> octets{};  // a mark and a time
    };
    std::array<Told, kBatch> told;
    std::array<std::uint8_t, kBatch> marks{};
    std::array<sockaddr_storage, kBatch> to;
    std::array<iovec, kBatch> out;
    std::array<mmsghdr, kBatch> sending;
    std::array<std::byte, 512> answer;

    Batch() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            in[i] = {data[i].data(), kMaxDatagram};
            received[i] = {};
            received[i].msg_hdr.msg_name = &from[i];
            received[i].msg_hdr.msg_control = told[i].octets.data();
            make_room(i);
            received[i].msg_hdr.msg_iov = &in[i];
            received[i].msg_hdr.msg_iovlen = 1;
            sending[i] = {};
            sending[i].msg_hdr.msg_name = &to[i];
            sending[i].msg_hdr.msg_iov = &out[i];
            sending[i].msg_hdr.msg_iovlen = 1;
        }
    }
    void make_room(std::size_t i) {
        received[i].msg_hdr.msg_namelen = sizeof from[i];
        received[i].msg_hdr.msg_controllen = sizeof told[i];
    }
};

}  // namespace carillon::relay
