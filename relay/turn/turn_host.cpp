/// What the TURN state machine asks for: sockets for allocations, and whom they belong to.
/// Spec: RFC 8656 §7.2, RFC 8016 §3, RFC 6062 §5.
#include <netinet/in.h>

#include "relay/turn/any_relay.h"
#include "relay/turn/tcp_relay.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

std::expected<turn::Opened, turn::Refusal> TurnService::open(const turn::RelayRequest& request) {
    const auto v4 = shared_->place(false);
    const auto v6 = shared_->place(true);
    const bool lacks_v6 = request.v6 && !v6 && !request.v6_optional;
    if ((request.v4 && !v4 && !request.reservation) || lacks_v6)
        return std::unexpected{turn::Refusal{440, "Address Family not Supported"}};
    return request.tcp ? open_tcp(request) : open_udp(request);
}

std::expected<turn::Opened, turn::Refusal> TurnService::open_udp(const turn::RelayRequest& request) {
    const auto v4 = shared_->place(false);
    const auto v6 = shared_->place(true);
    auto taken = shared_->take(request, std::chrono::steady_clock::now());
    if (!taken) return std::unexpected{turn::Refusal{508, "Insufficient Capacity"}};
    auto relay = std::make_unique<UdpRelay>(*this);
    relay->number = taken->port.port;
    turn::Opened opened;
    const auto use = [&](bool family, std::size_t place) {
        auto& port = relay->ports[family];
        port.held = std::move(taken->port.sockets[place]);
        port.fd = port.held.fd();
        port.relay = relay.get();
        const int on = 1;
        ::setsockopt(port.fd, family ? IPPROTO_IPV6 : IPPROTO_IP, family ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
        return shared_->advertised(place, relay->number);
    };
    if (request.v4 && v4) opened.v4 = use(false, *v4);
    if (request.v6 && v6) opened.v6 = use(true, *v6);
    opened.reservation = taken->reservation;
    opened.relay = std::move(relay);
    return opened;
}

int TurnService::listener_of(const TransportAddress& local) const {
    for (const auto& one : listeners_)
        if (one.local == local) return one.socket.fd();
    return -1;
}

void TurnService::belongs_to(turn::Allocation& allocation) {
    auto& any = static_cast<AnyRelay&>(*allocation.relay);
    any.link = asking_;
    if (allocation.tcp) return;
    auto& relay = static_cast<UdpRelay&>(any);
    relay.client_length = 0;
    if (asking_) return;
    relay.client_fd = listener_of(allocation.tuple.server);
    relay.client_length = fill(allocation.tuple.client, relay.client);
}

void TurnService::installed(turn::Allocation& allocation) {
    auto& relay = static_cast<AnyRelay&>(*allocation.relay);
    relay.allocation = &allocation;
    belongs_to(allocation);
    relay.watch();
}

void TurnService::moved(turn::Allocation& allocation, const turn::FiveTuple&) {
    clients_.flush();
    belongs_to(allocation);
}

void TurnService::detached(turn::Allocation& allocation) {
    auto& any = static_cast<AnyRelay&>(*allocation.relay);
    any.link = nullptr;
    if (!allocation.tcp) static_cast<UdpRelay&>(any).client_length = 0;
}

void TurnService::leaves(turn::Allocation& allocation) {
    peers_.flush();
    clients_.flush();
    detached(allocation);
    static_cast<AnyRelay&>(*allocation.relay).unwatch();
}

void TurnService::arrived(turn::Allocation& allocation) {
    auto& relay = static_cast<AnyRelay&>(*allocation.relay);
    relay.service = this;
    relay.watch();
}

void TurnService::ended(turn::Allocation& allocation) {
    peers_.flush();  // what is under way names its socket
    clients_.flush();
    auto& relay = static_cast<AnyRelay&>(*allocation.relay);
    relay.allocation = nullptr;
    relay.unwatch();
    ended_.push_back(std::move(allocation.relay));
}

}  // namespace carillon::relay
