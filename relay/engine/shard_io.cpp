/// How a shard reads its sockets and sends from them, in as few system calls as it can.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "relay/engine/shard_batch.h"

namespace carillon::relay {

std::size_t Shard::receive(int fd) {
    auto& batch = *batch_;
    const int count = probe_.looks_at(fd) ? probe_.receive(batch.received)
                                          : ::recvmmsg(fd, batch.received.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;  // an ICMP error is taken with the read and is nobody's end
    for (int i = 0; i < count; ++i)
        batch.received[static_cast<std::size_t>(i)].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    return static_cast<std::size_t>(count);
}

// Asking for many costs a second look at an empty socket. Where datagrams have come one by one for a while, as those
// of a voice do, one is asked for; who has another one waiting at the very next look is asked for many again. Looks
// that found more ports than they could take count as one: then it is work that piles up.
std::size_t Shard::receive(Port& port, SteadyTime now) {
    constexpr std::uint8_t kAlone = 8;
    if (port.mark.due(now)) return receive_marked(port, now);
    if (round_ - std::exchange(port.last_round, round_) <= 1) port.alone = 0;
    if (port.alone < kAlone) {
        const auto count = receive(port.fd);
        port.alone = count > 1 ? 0 : static_cast<std::uint8_t>(port.alone + 1);
        return count;
    }
    auto& batch = *batch_;
    socklen_t length = sizeof(sockaddr_storage);
    const auto size = ::recvfrom(port.fd, batch.data[0].data(), kMaxDatagram, MSG_DONTWAIT | MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(batch.from.data()), &length);
    if (size < 0) return 0;
    const bool whole = static_cast<std::size_t>(size) <= kMaxDatagram;
    batch.received[0].msg_len = static_cast<unsigned>(size);
    batch.received[0].msg_hdr.msg_flags = whole ? 0 : MSG_TRUNC;
    return 1;
}

std::size_t Shard::receive_marked(Port& port, SteadyTime now) {
    alignas(cmsghdr) std::array<std::byte, 64> control;
    auto& message = batch_->received[0].msg_hdr;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(port.fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (size >= 0) port.mark.seen(Mark::of(message), now);
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    message.msg_namelen = sizeof(sockaddr_storage);
    batch_->received[0].msg_len = static_cast<unsigned>(std::max<ssize_t>(size, 0));
    return size >= 0 ? 1 : 0;
}

/// A socket that many share has no mark of one of them.
void Shard::mark(Port& port, int fd) {
    const auto& all = port.stream->ports();
    const auto out = std::ranges::find_if(all, [fd](const Port& other) { return other.fd == fd; });
    port.mark.told(fd);
    if (out != all.end() && !out->shared) port.mark.put_on(fd);
}

void Shard::send(int fd, std::size_t count) {
    auto& batch = *batch_;
    if (count == 1) {
        const auto& one = batch.sending[0].msg_hdr;
        const auto sent = ::sendto(fd, batch.out[0].iov_base, batch.out[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                                   static_cast<const sockaddr*>(one.msg_name), one.msg_namelen);
        if (sent >= 0) forwarded_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (send_segments(fd, count)) return;
    std::size_t sent = 0;
    while (sent < count) {
        const int now = ::sendmmsg(fd, batch.sending.data() + sent, static_cast<unsigned>(count - sent),
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
        if (now > 0) {
            sent += static_cast<std::size_t>(now);
            forwarded_.fetch_add(static_cast<std::uint64_t>(now), std::memory_order_relaxed);
        } else {
            ++sent;  // this one cannot go (unreachable, full): the ones behind it are not its hostages
        }
    }
}

// A video frame comes as packets of one size, the last one shorter: the kernel takes those to one destination as a
// single message and cuts it late (udp(7), UDP_SEGMENT). False: nothing was sent, go packet by packet.
bool Shard::send_segments(int fd, std::size_t count) {
    constexpr std::size_t kMaxMessage = 60'000;  // a UDP datagram's limit, with room for headers
    auto& batch = *batch_;
    const auto& first = batch.sending[0].msg_hdr;
    const auto size = batch.out[0].iov_len;
    if (!segmentation_ || size == 0 || size * count > kMaxMessage) return false;
    for (std::size_t i = 1; i < count; ++i) {
        const auto& other = batch.sending[i].msg_hdr;
        const bool fits = i + 1 < count ? batch.out[i].iov_len == size : batch.out[i].iov_len - 1 < size;
        if (!fits || other.msg_namelen != first.msg_namelen ||
            std::memcmp(other.msg_name, first.msg_name, first.msg_namelen) != 0) {
            return false;
        }
    }
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr message{};
    message.msg_name = first.msg_name;
    message.msg_namelen = first.msg_namelen;
    message.msg_iov = batch.out.data();
    message.msg_iovlen = count;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* segment = CMSG_FIRSTHDR(&message);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto value = static_cast<std::uint16_t>(size);
    std::memcpy(CMSG_DATA(segment), &value, sizeof value);
    if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        // EIO: the device cannot checksum segments. EINVAL is about this message alone: larger than the path's MTU.
        if (errno == EIO || errno == ENOPROTOOPT) segmentation_ = false;
        return false;
    }
    forwarded_.fetch_add(count, std::memory_order_relaxed);
    return true;
}

}  // namespace carillon::relay
