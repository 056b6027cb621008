#include "relay/ports/port_allocator.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "relay/ports/mark.h"

namespace carillon::relay {

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
    if (this != &other) {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
        borrowed_ = other.borrowed_;
    }
    return *this;
}

UdpSocket::~UdpSocket() { close(); }

void UdpSocket::close() {
    if (descriptor_ >= 0 && !borrowed_) ::close(descriptor_);
    descriptor_ = -1;
}

std::expected<UdpSocket, int> UdpSocket::bind(const Address& local, int receive_buffer, bool reuse) {
    UdpSocket made{::socket(local.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (made.fd() < 0) return std::unexpected{errno};
    const int on = 1;
    if (local.v6) ::setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    // Past the system's bound (net.core.rmem_max) where that is allowed (CAP_NET_ADMIN).
    if (receive_buffer > 0 &&
        ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (reuse) ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_storage raw{};
    const auto length = local.fill(raw);
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&raw), length) != 0) return std::unexpected{errno};
    return made;
}

PortAllocator::PortAllocator(PortOptions options)
    : options_{std::move(options)},
      taken_(static_cast<std::size_t>(options_.last - options_.first) + 1),
      free_{taken_.size()} {}

std::expected<BoundPort, int> PortAllocator::bind(std::uint16_t port) const {
    BoundPort bound{.port = port};
    for (const auto& ip : options_.bind) {
        const auto local = Address::parse(ip, port);
        if (!local) return std::unexpected{EINVAL};
        auto socket = UdpSocket::bind(*local, options_.receive_buffer);
        if (!socket) return std::unexpected{socket.error()};
        Mark::tell(socket->fd());
        bound.sockets.push_back(std::move(*socket));
    }
    return bound;
}

void PortAllocator::take(std::uint16_t port) {
    taken_[port - options_.first] = true;
    --free_;
}

std::vector<BoundPort> PortAllocator::allocate(bool rtcp) {
    const std::lock_guard lock{mutex_};
    const std::size_t need = rtcp ? 2 : 1;
    if (free_ < need) return {};
    // From a random place on, once around: bounded, and no port is missed.
    const std::size_t count = taken_.size();
    const std::size_t start = random_() % count;
    constexpr int kMaxForeign = 256;  // ports that other programs hold; more than that is a configuration error
    int foreign = 0;
    for (std::size_t i = 0; i < count && foreign < kMaxForeign; ++i) {
        const std::size_t offset = (start + i) % count;
        const auto port = static_cast<std::uint16_t>(options_.first + offset);
        if (taken(port) ||
            (rtcp && (port % 2 != 0 || offset + 1 == count || taken(static_cast<std::uint16_t>(port + 1)))))
            continue;
        std::vector<BoundPort> bound;
        for (std::size_t k = 0; k < need; ++k) {
            auto one = bind(static_cast<std::uint16_t>(port + k));
            if (!one && one.error() == EMFILE) return {};
            if (!one) break;
            bound.push_back(std::move(*one));
        }
        if (bound.size() < need) {
            ++foreign;
            continue;
        }
        for (const auto& one : bound) take(one.port);
        return bound;
    }
    return {};
}

std::optional<BoundPort> PortAllocator::claim(std::uint16_t port) {
    const std::lock_guard lock{mutex_};
    if (port < options_.first || port > options_.last || taken(port)) return std::nullopt;
    auto bound = bind(port);
    if (!bound) return std::nullopt;
    take(port);
    return std::move(*bound);
}

void PortAllocator::release(std::uint16_t port) {
    const std::lock_guard lock{mutex_};
    if (port < options_.first || port > options_.last || !taken(port)) return;
    taken_[port - options_.first] = false;
    ++free_;
}

}  // namespace carillon::relay
