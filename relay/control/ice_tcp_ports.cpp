#include "relay/control/ice_tcp_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace carillon::relay {
namespace {

StreamSocket listen(const std::string& ip, std::uint16_t port) {
    constexpr int kBacklog = 512;
    const auto fail = [&](const char* why) {
        throw std::runtime_error{"ICE over TCP cannot use " + ip + " port " + std::to_string(port) + ": " + why +
                                 "; choose another --ice-tcp-port, or 0 for none"};
    };
    const auto at = Address::parse(ip, port);
    if (!at) fail("not a numeric address");
    StreamSocket made{::socket(at->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const int on = 1;
    if (at->v6) ::setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // a successor comes at once
    sockaddr_storage raw{};
    const auto length = at->fill(raw);
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&raw), length) != 0 || ::listen(made.fd(), kBacklog) != 0)
        fail(std::strerror(errno));
    return made;
}

}  // namespace

IceTcpPorts::IceTcpPorts(const PortOptions& options, std::uint16_t first, std::size_t shards,
                         const IceTcpLimits& limits)
    : first_{first}, limits_{limits} {
    if (first == 0) return;
    if (first + shards - 1 > 65535) throw std::runtime_error{"--ice-tcp-port: each shard needs a port, up to 65535"};
    places_ = std::make_shared<IceTcpPlaces>(limits_);
    for (std::size_t shard = 0; shard < shards; ++shard) {
        auto& listeners = listeners_.emplace_back();
        for (const auto& ip : options.bind) listeners.push_back(listen(ip, number(shard)));
        counters_.push_back(std::make_shared<IceTcpCounters>());
    }
}

std::unique_ptr<IceTcpPort> IceTcpPorts::port_of(std::size_t shard) {
    return std::make_unique<IceTcpPort>(std::move(listeners_[shard]), limits_, places_, counters_[shard]);
}

std::map<std::string, std::uint64_t> IceTcpPorts::drops() const {
    std::map<std::string, std::uint64_t> sums;
    for (const auto& each : counters_) {
        sums["ice_tcp_refused"] += each->refused;
        sums["ice_tcp_unknown_user"] += each->unknown_user;
        sums["ice_tcp_unproven"] += each->unproven;
        sums["ice_tcp_oversize"] += each->oversize;
        sums["ice_tcp_full"] += each->full;
    }
    return sums;
}

std::uint64_t IceTcpPorts::connections() const {
    std::uint64_t sum = 0;
    for (const auto& each : counters_) sum += each->connections;
    return sum;
}

std::uint64_t IceTcpPorts::packets() const {
    std::uint64_t sum = 0;
    for (const auto& each : counters_) sum += each->packets;
    return sum;
}

}  // namespace carillon::relay
