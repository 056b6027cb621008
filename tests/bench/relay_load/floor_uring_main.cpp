/// relay_floor_uring PAIRS: relay_floor over io_uring. Every port has one multishot receive; what arrived leaves as
/// one submission of many sends; while there is traffic, completions are fetched once a millisecond.
/// Not here: any check of who sends what. This must never run outside a benchmark.
#include <liburing.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "tests/bench/relay_load/endpoint.h"

namespace {

using carillon::bench::loopback;

constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 8192;
constexpr unsigned kBuffers = 4096;
constexpr unsigned kBufferBytes = 2048;
constexpr unsigned kGroup = 1;
constexpr unsigned kFetch = 512;  // completions that end a wait early
constexpr long kWaitNs = 1'000'000;
constexpr std::uint64_t kSend = UINT64_MAX;

void check(int outcome, const char* what) {
    if (outcome < 0) throw std::runtime_error{std::string{what} + ": " + std::strerror(-outcome)};
}

/// Owns: the ring and its packet buffers, for the life of the process.
class Forwarder {
  public:
    explicit Forwarder(const std::vector<int>& sockets) : remotes_(sockets.size()), memory_(kBuffers * kBufferBytes) {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = kCompletions;
        check(::io_uring_queue_init_params(kSubmissions, &ring_, &params), "io_uring");
        check(::io_uring_register_files(&ring_, sockets.data(), static_cast<unsigned>(sockets.size())), "files");
        buffers_ = static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, kBuffers * sizeof(io_uring_buf)));
        io_uring_buf_reg group{};
        group.ring_addr = reinterpret_cast<std::uint64_t>(buffers_);
        group.ring_entries = kBuffers;
        group.bgid = kGroup;
        check(::io_uring_register_buf_ring(&ring_, &group, 0), "buffers");
        ::io_uring_buf_ring_init(buffers_);
        for (unsigned i = 0; i < kBuffers; ++i) used_.push_back(i);
        give_back();
        for (unsigned i = 0; i < sockets.size(); ++i) receive(i);
    }

    [[noreturn]] void run() {
        for (bool busy = false;;) {
            io_uring_cqe* cqe = nullptr;
            __kernel_timespec wait{.tv_sec = 0, .tv_nsec = kWaitNs};
            if (busy)
                ::io_uring_submit_and_wait_timeout(&ring_, &cqe, kFetch, &wait, nullptr);
            else
                ::io_uring_submit_and_wait(&ring_, 1);
            unsigned head = 0;
            unsigned count = 0;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                ++count;
                if (cqe->user_data != kSend) forward(*cqe);
            }
            ::io_uring_cq_advance(&ring_, count);
            ::io_uring_submit(&ring_);  // UDP sends are done when this returns, and their buffers free again
            give_back();
            busy = count > 1;
        }
    }

  private:
    io_uring_sqe* entry() {
        auto* sqe = ::io_uring_get_sqe(&ring_);
        if (sqe) return sqe;
        ::io_uring_submit(&ring_);
        return ::io_uring_get_sqe(&ring_);
    }

    void receive(unsigned port) {
        auto* sqe = entry();
        ::io_uring_prep_recvmsg_multishot(sqe, static_cast<int>(port), &layout_, 0);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        sqe->buf_group = kGroup;
        ::io_uring_sqe_set_data64(sqe, port);
    }

    void forward(const io_uring_cqe& cqe) {
        const auto from = static_cast<unsigned>(cqe.user_data);
        if (!(cqe.flags & IORING_CQE_F_MORE)) receive(from);
        if (cqe.res < 0 || !(cqe.flags & IORING_CQE_F_BUFFER)) return;
        const auto buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        used_.push_back(buffer);
        auto* packet = ::io_uring_recvmsg_validate(&memory_[buffer * kBufferBytes], cqe.res, &layout_);
        if (!packet) return;
        std::memcpy(&remotes_[from], ::io_uring_recvmsg_name(packet), sizeof(sockaddr_in));
        auto& to = remotes_[from ^ 1];
        if (to.sin_port == 0) return;
        auto* sqe = entry();
        ::io_uring_prep_send(sqe, static_cast<int>(from ^ 1), ::io_uring_recvmsg_payload(packet, &layout_),
                             ::io_uring_recvmsg_payload_length(packet, cqe.res, &layout_), MSG_DONTWAIT);
        ::io_uring_prep_send_set_addr(sqe, reinterpret_cast<sockaddr*>(&to), sizeof to);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
        ::io_uring_sqe_set_data64(sqe, kSend);
    }

    void give_back() {
        int offset = 0;
        for (const auto buffer : used_)
            ::io_uring_buf_ring_add(buffers_, &memory_[buffer * kBufferBytes], kBufferBytes,
                                    static_cast<unsigned short>(buffer), ::io_uring_buf_ring_mask(kBuffers), offset++);
        ::io_uring_buf_ring_advance(buffers_, offset);
        used_.clear();
    }

    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    msghdr layout_{.msg_name = nullptr,
                   .msg_namelen = sizeof(sockaddr_in),
                   .msg_iov = nullptr,
                   .msg_iovlen = 0,
                   .msg_control = nullptr,
                   .msg_controllen = 0,
                   .msg_flags = 0};
    std::vector<sockaddr_in> remotes_;  // port 0: nobody heard yet
    std::vector<char> memory_;
    std::vector<unsigned> used_;
};

int open_port(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) throw std::runtime_error{"socket"};
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

int main(int argc, char** argv) try {
    const int pairs = argc > 1 ? std::atoi(argv[1]) : 0;
    if (pairs < 1) throw std::runtime_error{"usage: relay_floor_uring PAIRS"};
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    std::vector<int> sockets(static_cast<std::size_t>(pairs) * 2);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        std::uint16_t port = 0;
        sockets[i] = open_port(port);
        std::printf("%u%c", port, i % 2 ? '\n' : ' ');
    }
    Forwarder forwarder{sockets};
    std::puts("ready");
    std::fflush(stdout);
    forwarder.run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "relay_floor_uring: %s\n", error.what());
    return 1;
}
