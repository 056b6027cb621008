/// The worker's STUN and TURN server: its sockets, and a service on each shard.
#include "relay/control/worker.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace carillon::relay {

namespace proto = api::proto;

UdpSocket Worker::stun_socket(const std::string& ip, std::uint16_t port, bool shared) const {
    constexpr int kReceiveBuffer = 4 << 20;  // one socket for all clients: what each port has would be for one of them
    const auto address = Address::parse(ip, port);
    auto socket = address ? UdpSocket::bind(*address, std::max(options_.ports.receive_buffer, kReceiveBuffer), shared)
                          : std::unexpected{EINVAL};
    if (socket) return std::move(*socket);
    throw std::runtime_error{"STUN cannot use " + ip + " port " + std::to_string(port) + ": " +
                             std::strerror(socket.error()) + "; choose another stun port, or stop the other server"};
}

void Worker::open_binding_server() {
    if (!options_.turn.secrets.empty() || !options_.turn.users.empty()) return open_turn_server();
    std::vector<UdpSocket> sockets;
    for (const auto& ip : options_.stun_bind) sockets.push_back(stun_socket(ip, options_.stun_port, false));
    if (!sockets.empty()) shards_.front()->serve_binding(std::move(sockets));
}

void Worker::open_turn_server() {
    if (options_.stun_bind.empty()) return;
    const auto doors = turn_doors(options_.turn, options_.stun_bind, options_.stun_port);
    // Shared ports bear no witness to a second server: try alone first.
    for (const auto& door : doors) {
        stun_socket(door.ip, door.port, false);
        if (options_.turn.tcp && door.streams) listen_for_turn(door, false);
    }
    turn_shared_ = std::make_shared<TurnShared>(options_.turn, ports_, options_.advertise);
    turn_shared_->draining = draining_;
    if (journal_) turn_shared_->journal = &journal_->file();
    for (const auto& left : turn_reserved_)
        if (auto port = ports_.claim(left.port)) turn_shared_->inherit(left, std::move(*port));
    turn_reserved_.clear();
    for (std::size_t i = 0; i < shards_.size(); ++i) serve_turn(i, doors);
}

// Each shard has sockets of its own on the port; the kernel keeps a client at one of them (SO_REUSEPORT).
void Worker::serve_turn(std::size_t place, const std::vector<TurnDoor>& doors) {
    std::vector<TurnService::Listener> listeners;
    std::vector<TurnService::StreamListener> streams;
    for (const auto& door : doors) {
        listeners.push_back({stun_socket(door.ip, door.port, true), door.local(), door.discovery,
                             door.alternate_address, door.alternate_port});
        if (options_.turn.tcp && door.streams) streams.push_back({listen_for_turn(door, true), door.local()});
    }
    turn_.push_back(std::make_shared<TurnCounters>());
    auto service = std::make_unique<TurnService>(turn_shared_, static_cast<std::uint8_t>(place), std::move(listeners),
                                                 std::move(streams), turn_.back());
    inherit_turn(place, *service);
    turn_shared_->shards.push_back([shard = shards_[place].get(), turn = service.get()](TurnShared::Errand errand) {
        shard->post([turn, errand = std::move(errand)] { errand(*turn); });
    });
    turn_services_.push_back(std::move(service));
    if (turn_services_.size() < shards_.size()) return;
    // Only now, when each of them can find the others.
    for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i]->serve(std::move(turn_services_[i]));
    turn_services_.clear();
}

std::expected<void, std::string> Worker::reload_certificates() {
    return turn_shared_ ? turn_shared_->load_certificates() : std::expected<void, std::string>{};
}

}  // namespace carillon::relay
