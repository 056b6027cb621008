/// Implements endpoint.h.
#include "tests/bench/relay_load/endpoint.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace carillon::bench {
namespace {

constexpr int kReceiveBuffer = 1 << 20;
constexpr int kAttempts = 10;
constexpr int kAttemptMs = 300;

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

}  // namespace

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

Endpoint::Endpoint() : fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
    if (fd_ < 0) fail("socket");
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    const int yes = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) < 0) fail("bind");
    if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) < 0) fail("getsockname");
    port_ = ntohs(address.sin_port);
}

Endpoint::~Endpoint() {
    if (fd_ >= 0) ::close(fd_);
}

Endpoint::Endpoint(Endpoint&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)},
      port_{other.port_},
      channel_{other.channel_},
      sealing_{std::move(other.sealing_)} {}

void Endpoint::connect_to(const sockaddr_in& relay) {
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&relay), sizeof relay) < 0) fail("connect");
}

std::string Endpoint::ask(const std::string& request) const {
    std::array<char, 8192> answer;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (::send(fd_, request.data(), request.size(), 0) < 0 && errno != ECONNREFUSED) fail("send");
        pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, kAttemptMs) <= 0) continue;
        const auto size = ::recv(fd_, answer.data(), answer.size(), 0);
        if (size > 0) return {answer.data(), static_cast<std::size_t>(size)};
    }
    throw std::runtime_error{"the relay does not answer"};
}

void Endpoint::drain() const {
    std::array<std::byte, 2048> buffer;
    while (::recv(fd_, buffer.data(), buffer.size(), 0) >= 0) {
    }
}

std::uint64_t Endpoint::dropped() const {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, info.data(), &size) < 0) return 0;
    return info[SK_MEMINFO_DROPS];
}

}  // namespace carillon::bench
