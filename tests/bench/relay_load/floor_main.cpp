/// relay_floor PAIRS [gso|coalesce]: the least a userspace relay can do, as the floor to compare with. Opens port pairs
/// on 127.0.0.1, prints them as "portA portB" lines and then "ready"; whatever arrives at one port of a pair leaves
/// from the other, to where that one last heard from. `gso`: packets of equal size leave as one UDP_SEGMENT send.
/// `coalesce`: as `gso`, and while more than one port has something each time, it sleeps 300 µs before it
/// looks again, so that more packets share each awakening.
/// Not here: any check of who sends what. This must never run outside a benchmark.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "tests/bench/relay_load/endpoint.h"

namespace {

using carillon::bench::loopback;

constexpr std::size_t kBatch = 32;
constexpr std::size_t kPacket = 1500;
constexpr std::size_t kMaxGso = 60'000;
constexpr useconds_t kCoalesceUs = 300;

struct Port {
    int fd = -1;
    Port* partner = nullptr;
    sockaddr_in remote{};  // port 0: nobody heard yet
};

struct Forwarder {
    std::array<std::array<char, kPacket>, kBatch> buffers;
    std::array<iovec, kBatch> vectors;
    std::array<sockaddr_in, kBatch> sources;
    std::array<mmsghdr, kBatch> messages{};
    bool gso = false;

    void forward(Port& from);
    int forward_batch(Port& from);
    bool send_segments(const Port& out, int count);
};

// Edge-triggered: a batch that is not full has emptied the socket.
void Forwarder::forward(Port& from) {
    while (forward_batch(from) == static_cast<int>(kBatch)) {
    }
}

int Forwarder::forward_batch(Port& from) {
    for (std::size_t i = 0; i < kBatch; ++i) {
        vectors[i] = {buffers[i].data(), kPacket};
        messages[i].msg_hdr = {.msg_name = &sources[i],
                               .msg_namelen = sizeof sources[i],
                               .msg_iov = &vectors[i],
                               .msg_iovlen = 1,
                               .msg_control = nullptr,
                               .msg_controllen = 0,
                               .msg_flags = 0};
    }
    const int count = ::recvmmsg(from.fd, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;
    from.remote = sources[static_cast<std::size_t>(count) - 1];
    auto& out = *from.partner;
    if (out.remote.sin_port == 0) return count;
    for (int i = 0; i < count; ++i) {
        vectors[i].iov_len = messages[i].msg_len;
        messages[i].msg_hdr.msg_name = &out.remote;
    }
    if (gso && count > 1 && send_segments(out, count)) return count;
    ::sendmmsg(out.fd, messages.data(), static_cast<unsigned>(count), 0);
    return count;
}

bool Forwarder::send_segments(const Port& out, int count) {
    const auto size = vectors[0].iov_len;
    if (size * static_cast<std::size_t>(count) > kMaxGso) return false;
    for (int i = 1; i < count; ++i)
        if (vectors[i].iov_len != size) return false;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr message{.msg_name = const_cast<sockaddr_in*>(&out.remote),
                   .msg_namelen = sizeof out.remote,
                   .msg_iov = vectors.data(),
                   .msg_iovlen = static_cast<std::size_t>(count),
                   .msg_control = control.data(),
                   .msg_controllen = control.size(),
                   .msg_flags = 0};
    auto* segment = CMSG_FIRSTHDR(&message);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto value = static_cast<std::uint16_t>(size);
    std::memcpy(CMSG_DATA(segment), &value, sizeof value);
    return ::sendmsg(out.fd, &message, 0) > 0;
}

int open_port(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) return -1;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

int main(int argc, char** argv) {
    const int pairs = argc > 1 ? std::atoi(argv[1]) : 0;
    if (pairs < 1) {
        std::fputs("usage: relay_floor PAIRS [gso|coalesce]\n", stderr);
        return 2;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    std::vector<Port> ports(static_cast<std::size_t>(pairs) * 2);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < ports.size(); ++i) {
        std::uint16_t number = 0;
        ports[i].fd = open_port(number);
        if (ports[i].fd < 0) {
            std::perror("relay_floor: socket");
            return 1;
        }
        ports[i].partner = &ports[i ^ 1];
        epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &ports[i]}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, ports[i].fd, &event);
        std::printf("%u%c", number, i % 2 ? '\n' : ' ');
    }
    std::puts("ready");
    std::fflush(stdout);

    static Forwarder forwarder;
    const bool coalesce = argc > 2 && std::string_view{argv[2]} == "coalesce";
    forwarder.gso = coalesce || (argc > 2 && std::string_view{argv[2]} == "gso");
    std::array<epoll_event, 256> events;
    for (int ready = 0;;) {
        if (coalesce && ready > 1) ::usleep(kCoalesceUs);
        ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i)
            forwarder.forward(*static_cast<Port*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
}
