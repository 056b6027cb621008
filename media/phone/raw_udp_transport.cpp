#include "media/phone/raw_udp_transport.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <stdexcept>

namespace carillon::phone {
namespace {

constexpr int kPortTries = 200;
constexpr std::uint16_t kFirstPort = 20000;
constexpr std::uint16_t kPorts = 9998;
constexpr std::size_t kMaxDatagram = 2048;

/// A socket address of either family, compared by family, address and port only.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    static SocketAddress parse(const std::string& ip, std::uint16_t port) {
        SocketAddress out;
        auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
        auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
        if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(port);
            out.size = sizeof v4;
        } else if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(port);
            out.size = sizeof v6;
        }
        return out;
    }
    const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
    friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
        if (a.storage.ss_family != b.storage.ss_family) return false;
        if (a.storage.ss_family == AF_INET) {
            const auto& x = reinterpret_cast<const sockaddr_in&>(a.storage);
            const auto& y = reinterpret_cast<const sockaddr_in&>(b.storage);
            return x.sin_port == y.sin_port && x.sin_addr.s_addr == y.sin_addr.s_addr;
        }
        const auto& x = reinterpret_cast<const sockaddr_in6&>(a.storage);
        const auto& y = reinterpret_cast<const sockaddr_in6&>(b.storage);
        return x.sin6_port == y.sin6_port && std::memcmp(&x.sin6_addr, &y.sin6_addr, sizeof x.sin6_addr) == 0;
    }
};

std::string to_text(const SocketAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* raw = address.storage.ss_family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr)
                          : &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
    inet_ntop(address.storage.ss_family, raw, text.data(), text.size());
    return text.data();
}

/// Asks the routing table: a connected UDP socket sends nothing, yet has a local address.
std::string address_towards(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), "9", &hints, &found) != 0 || !found) return "127.0.0.1";
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list{found, &freeaddrinfo};
    const int probe = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    SocketAddress own;
    own.size = sizeof own.storage;
    const bool known = probe >= 0 && connect(probe, found->ai_addr, found->ai_addrlen) == 0 &&
                       getsockname(probe, own.raw(), &own.size) == 0;
    if (probe >= 0) close(probe);
    return known ? to_text(own) : "127.0.0.1";
}

int bound_socket(const std::string& address, std::uint16_t port) {
    const auto local = SocketAddress::parse(address, port);
    if (local.size == 0) throw std::runtime_error{address + " is not an IP address"};
    const int fd = socket(local.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (bind(fd, local.raw(), local.size) == 0) return fd;
    close(fd);
    return -1;
}

}  // namespace

struct RawUdpTransport::Remote {
    std::array<SocketAddress, 2> address;
    PathEnd endpoint;
};

RawUdpTransport::RawUdpTransport(Callbacks callbacks, std::string bind_address, std::string towards)
    : callbacks_{std::move(callbacks)},
      address_{bind_address.empty() ? address_towards(towards) : std::move(bind_address)} {}

RawUdpTransport::~RawUdpTransport() {
    thread_.request_stop();
    if (wake_ >= 0) eventfd_write(wake_, 1);
    if (thread_.joinable()) thread_.join();
    close_sockets();
}

void RawUdpTransport::close_sockets() {
    for (auto& fd : sockets_) {
        if (fd >= 0) close(fd);
        fd = -1;
    }
    if (wake_ >= 0) close(wake_);
    wake_ = -1;
}

void RawUdpTransport::start() {
    std::random_device random;
    for (int tries = 0; tries < kPortTries && sockets_[1] < 0; ++tries) {
        port_ = static_cast<std::uint16_t>(kFirstPort + (random() % kPorts & ~1U));
        sockets_[0] = bound_socket(address_, port_);
        if (sockets_[0] < 0) continue;
        sockets_[1] = bound_socket(address_, static_cast<std::uint16_t>(port_ + 1));
        if (sockets_[1] >= 0) break;
        close(sockets_[0]);
        sockets_[0] = -1;
    }
    if (sockets_[1] < 0) throw std::runtime_error{"no free pair of UDP ports on " + address_};
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_ = std::jthread{[this](const std::stop_token& stop) { read(stop); }};
    callbacks_.candidates();
    callbacks_.gathered();
}

TransportInfo RawUdpTransport::take_local() {
    TransportInfo out{.kind = TransportKind::raw_udp};
    for (std::uint8_t component = 1; component <= 2; ++component) {
        Candidate candidate;
        candidate.component = component;
        candidate.id = "raw" + std::to_string(component);
        candidate.ip = address_;
        candidate.port = static_cast<std::uint16_t>(port_ + component - 1);
        out.candidates.push_back(std::move(candidate));
    }
    return out;
}

void RawUdpTransport::set_remote(const TransportInfo& remote) {
    auto fresh = std::make_unique<Remote>();
    for (const auto& candidate : remote.candidates) {
        if (candidate.component < 1 || candidate.component > 2 || candidate.port == 0) continue;
        auto& slot = fresh->address[candidate.component - 1U];
        const auto address = SocketAddress::parse(candidate.ip, candidate.port);
        if (slot.size != 0 || address.size == 0) continue;  // the first of a component counts
        slot = address;
        if (candidate.component == 1) fresh->endpoint = {"raw", candidate.ip, candidate.port};
    }
    if (fresh->address[0].size == 0) return callbacks_.failed("the peer gave no usable address");
    {
        const std::scoped_lock lock{mutex_};
        remote_ = std::move(fresh);
    }
    callbacks_.connected();
}

bool RawUdpTransport::send(std::uint8_t component, Bytes datagram) {
    SocketAddress to;
    {
        const std::scoped_lock lock{mutex_};
        if (!remote_ || component < 1 || component > 2) return false;
        to = remote_->address[component - 1U];
    }
    if (to.size == 0) return false;
    return sendto(sockets_[component - 1U], datagram.data(), datagram.size(), MSG_NOSIGNAL, to.raw(), to.size) ==
           static_cast<ssize_t>(datagram.size());
}

Path RawUdpTransport::path() const {
    const std::scoped_lock lock{mutex_};
    return {{"raw", address_, port_}, remote_ ? remote_->endpoint : PathEnd{}};
}

void RawUdpTransport::read(const std::stop_token& stop) {
    std::array<std::byte, kMaxDatagram> buffer{};
    while (!stop.stop_requested()) {
        std::array<pollfd, 3> ready{pollfd{sockets_[0], POLLIN, 0}, pollfd{sockets_[1], POLLIN, 0},
                                    pollfd{wake_, POLLIN, 0}};
        if (poll(ready.data(), ready.size(), 1000) <= 0) continue;
        for (std::uint8_t component = 1; component <= 2; ++component) {
            if (!(ready[component - 1U].revents & POLLIN)) continue;
            SocketAddress from;
            from.size = sizeof from.storage;
            const auto got =
                recvfrom(sockets_[component - 1U], buffer.data(), buffer.size(), 0, from.raw(), &from.size);
            if (got < 0) continue;
            bool known = false;
            {
                const std::scoped_lock lock{mutex_};
                known = remote_ && remote_->address[component - 1U] == from;
            }
            if (known) {
                callbacks_.receive(component, Bytes{buffer}.first(static_cast<std::size_t>(got)));
            } else {
                ++dropped_;
            }
        }
    }
}

}  // namespace carillon::phone
