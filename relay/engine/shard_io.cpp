/// How a shard reads its sockets and sends from them, in as few system calls as it can.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "relay/engine/shard_batch.h"
#include "relay/ports/send_control.h"

namespace carillon::relay {

std::size_t Shard::receive(int fd) {
    auto& batch = *batch_;
    const int count = ::recvmmsg(fd, batch.received.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;  // an ICMP error is taken with the read and is nobody's end
    const auto got = static_cast<std::size_t>(count);
    if (probe_.looks_at(fd)) [[unlikely]]
        probe_.note(std::span{batch.received}.first(got));
    for (std::size_t i = 0; i < got; ++i) {
        batch.marks[i] = Mark::of(batch.received[i].msg_hdr);
        batch.make_room(i);
    }
    return got;
}

// Asking for many costs a second look at an empty socket. Where datagrams have come one by one for a while, as those
// of a voice do, one is asked for; who has another one waiting at the very next look is asked for many again. Looks
// that found more ports than they could take count as one: then it is work that piles up.
std::size_t Shard::receive(Port& port) {
    constexpr std::uint8_t kAlone = 8;
    if (round_ - std::exchange(port.last_round, round_) <= 1) port.alone = 0;
    if (port.alone < kAlone) {
        const auto count = receive(port.fd);
        port.alone = count > 1 ? 0 : static_cast<std::uint8_t>(port.alone + 1);
        return count;
    }
    auto& batch = *batch_;
    auto& message = batch.received[0];
    const auto size = ::recvmsg(port.fd, &message.msg_hdr, MSG_DONTWAIT);
    if (size < 0) return 0;
    message.msg_len = static_cast<unsigned>(size);
    batch.marks[0] = Mark::of(message.msg_hdr);
    batch.make_room(0);
    return 1;
}

void Shard::send(int fd, std::size_t count, std::uint8_t mark) {
    auto& batch = *batch_;
    const auto told = marks_.differs(fd, mark) ? std::optional{mark} : std::nullopt;
    if (count == 1 && !told) {
        const auto& one = batch.sending[0].msg_hdr;
        const auto sent = ::sendto(fd, batch.out[0].iov_base, batch.out[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                                   static_cast<const sockaddr*>(one.msg_name), one.msg_namelen);
        if (sent >= 0) forwarded_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (count > 1 && send_segments(fd, count, told)) return;
    SendControl control;
    for (std::size_t i = 0; i < count; ++i) {
        control.clear(batch.sending[i].msg_hdr);
        if (told) control.mark(batch.sending[i].msg_hdr, *told);
    }
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
bool Shard::send_segments(int fd, std::size_t count, std::optional<std::uint8_t> mark) {
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
    msghdr message{};
    message.msg_name = first.msg_name;
    message.msg_namelen = first.msg_namelen;
    message.msg_iov = batch.out.data();
    message.msg_iovlen = count;
    SendControl control;
    control.segments(message, size);
    if (mark) control.mark(message, *mark);
    if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        // EIO: the device cannot checksum segments. EINVAL is about this message alone: larger than the path's MTU.
        if (errno == EIO || errno == ENOPROTOOPT) segmentation_ = false;
        return false;
    }
    forwarded_.fetch_add(count, std::memory_order_relaxed);
    return true;
}

}  // namespace carillon::relay
