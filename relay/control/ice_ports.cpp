#include "relay/control/ice_ports.h"

#include <cstring>
#include <stdexcept>

namespace carillon::relay {
namespace {

constexpr int kReceiveBuffer = 4 << 20;  // one socket for all legs: what each port has would be for one of them

UdpSocket bind(const PortOptions& options, const std::string& ip, std::uint16_t port) {
    const auto address = Address::parse(ip, port);
    auto socket =
        address ? UdpSocket::bind(*address, std::max(options.receive_buffer, kReceiveBuffer)) : std::unexpected{EINVAL};
    if (socket) return std::move(*socket);
    throw std::runtime_error{"the ICE port cannot use " + ip + " port " + std::to_string(port) + ": " +
                             std::strerror(socket.error()) + "; choose another --ice-port, or 0 for none"};
}

}  // namespace

IcePorts::IcePorts(const PortOptions& options, std::uint16_t first, std::size_t shards) : first_{first} {
    if (first == 0) return;
    const auto last = first + shards - 1;
    if (last > 65535) throw std::runtime_error{"--ice-port: each shard needs a port, up to 65535"};
    if (first <= options.last && last >= options.first)
        throw std::runtime_error{"--ice-port: the ports of ICE must be outside of --ports"};
    for (std::size_t shard = 0; shard < shards; ++shard) {
        auto& sockets = sockets_.emplace_back();
        auto& descriptors = descriptors_.emplace_back();
        for (const auto& ip : options.bind) {
            sockets.push_back(bind(options, ip, static_cast<std::uint16_t>(first + shard)));
            descriptors.push_back(sockets.back().fd());
        }
        counters_.push_back(std::make_shared<IcePortCounters>());
    }
}

std::unique_ptr<IcePort> IcePorts::port_of(std::size_t shard) {
    return std::make_unique<IcePort>(std::move(sockets_[shard]), counters_[shard]);
}

BoundPort IcePorts::seat(std::size_t shard) const {
    BoundPort bound{.port = static_cast<std::uint16_t>(first_ + shard), .sockets = {}, .shared = true};
    for (const int descriptor : descriptors_[shard]) bound.sockets.push_back(UdpSocket::borrow(descriptor));
    return bound;
}

std::optional<std::size_t> IcePorts::shard_of(std::uint16_t port) const {
    if (port < first_ || port >= first_ + descriptors_.size()) return std::nullopt;
    return port - first_;
}

bool IcePorts::claim(const std::string& leg, const std::string& ufrag) {
    const auto [place, fresh] = legs_.try_emplace(ufrag, leg);
    if (!fresh) return place->second == leg;
    auto& names = names_[leg];
    names.push_back(ufrag);
    if (names.size() > IceLite::kMaxGenerations) {
        legs_.erase(names.front());
        names.erase(names.begin());
    }
    return true;
}

std::map<std::string, std::uint64_t> IcePorts::drops() const {
    std::map<std::string, std::uint64_t> sums;
    for (const auto& each : counters_) {
        sums["ice_port_unknown_user"] += each->unknown_user;
        sums["ice_port_unproven"] += each->unproven;
        sums["ice_port_contested"] += each->contested;
        sums["ice_port_oversize"] += each->oversize;
    }
    return sums;
}

void IcePorts::release(const std::string& leg) {
    const auto known = names_.find(leg);
    if (known == names_.end()) return;
    for (const auto& name : known->second) legs_.erase(name);
    names_.erase(known);
}

}  // namespace carillon::relay
