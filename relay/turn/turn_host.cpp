/// What the TURN state machine asks for: sockets for allocations, and whom they belong to.
/// Spec: RFC 8656 §7.2, RFC 8016 §3, RFC 6062 §5.
#include <netinet/in.h>

#include "relay/turn/any_relay.h"
#include "relay/turn/tcp_relay.h"
#include "relay/turn/turn_buffers.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

std::expected<turn::Opened, turn::Refusal> TurnService::open(const turn::RelayRequest& request) {
    // Allocations that are there go on, and are refreshed for as long as their clients want.
    if (shared_->draining) return std::unexpected{turn::Refusal{508, "Insufficient Capacity"}};
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
        relay->use(family, std::move(taken->port.sockets[place]));
        return shared_->advertised(place, relay->number);
    };
    if (request.v4 && v4) opened.v4 = use(false, *v4);
    if (request.v6 && v6) opened.v6 = use(true, *v6);
    opened.reservation = taken->reservation;
    opened.relay = std::move(relay);
    return opened;
}

void TurnService::UdpRelay::use(bool family, UdpSocket socket) {
    auto& port = ports[family];
    port.held = std::move(socket);
    port.fd = port.held.fd();
    port.relay = this;
    const int on = 1;
    ::setsockopt(port.fd, family ? IPPROTO_IPV6 : IPPROTO_IP, family ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
    join_datagrams(port.fd);
}

/// False: it is not what this server would grant.
bool TurnService::restore(Inherited& one) {
    auto relay = std::make_unique<UdpRelay>(*this);
    relay->number = one.port.port;
    relay->record = std::move(one.record);
    auto made = std::make_unique<turn::Allocation>(std::move(one.left.allocation));
    const auto now = std::chrono::steady_clock::now();
    made->user = shared_->users.take(made->owner.quota_name);
    const bool datagrams = made->tuple.transport == turn::Transport::udp;
    if (!made->user || now >= made->expires || (datagrams && listener_of(made->tuple.server) < 0)) return false;
    for (const bool family : {false, true}) {
        const auto place = shared_->place(family);
        auto& told = family ? made->relayed_v6 : made->relayed_v4;
        if (!told) continue;
        if (!place || !(shared_->advertised(*place, relay->number) == *told)) return false;
        relay->use(family, std::move(one.port.sockets[*place]));
    }
    std::erase_if(made->permissions, [&](const auto& each) { return !shared_->policy.admits_host(each.peer); });
    std::erase_if(made->channels, [&](const auto& each) { return !shared_->policy.admits(each.peer); });
    made->relay = std::move(relay);
    asking_ = nullptr;
    return server_.restore(std::move(made));
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
    changed(allocation);
}

/// Who comes over a connection loses it with the worker: there is nothing to go on with, but for who has a ticket
/// (RFC 8016) to bring along over the next one.
void TurnService::changed(turn::Allocation& allocation) {
    auto& relay = static_cast<AnyRelay&>(*allocation.relay);
    const bool comes_back = allocation.tuple.transport == turn::Transport::udp || !allocation.ticket.empty();
    if (!shared_->journal || allocation.tcp || !comes_back) return relay.record.reset();
    const journal::TurnPlace place{place_, static_cast<std::uint8_t>(shared_->shards.size()), relay.number};
    if (relay.record) return relay.record->save(place, allocation);
    relay.record = journal::TurnRecord::make(*shared_->journal, place, allocation);
}

void TurnService::moved(turn::Allocation& allocation, const turn::FiveTuple&) {
    clients_.flush();
    belongs_to(allocation);
    changed(allocation);
}

void TurnService::detached(turn::Allocation& allocation) {
    auto& any = static_cast<AnyRelay&>(*allocation.relay);
    any.link = nullptr;
    if (!allocation.tcp) static_cast<UdpRelay&>(any).client_length = 0;
    changed(allocation);
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
