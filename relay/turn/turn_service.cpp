#include "relay/turn/turn_service.h"

#include <netinet/in.h>
#include <sys/epoll.h>

#include "relay/engine/socket_drops.h"
#include "relay/turn/any_relay.h"
#include "relay/turn/turn_buffers.h"
#include "stun/binding_server.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

/// A socket that clients send datagrams to.
struct TurnService::ListenPort final : TurnPort {
    ListenPort(TurnService& owner, const Listener& on) : turn{owner}, listener{on} {
        fd = on.socket.fd();
        service = &owner;
    }
    void ready(std::uint32_t, SteadyTime now) override { turn.from_client(*this, now); }
    TurnService& turn;
    const Listener& listener;
};

TurnService::TurnService(std::shared_ptr<TurnShared> shared, std::uint8_t place, std::vector<Listener> listeners,
                         std::vector<StreamListener> stream_listeners, std::shared_ptr<TurnCounters> counters)
    : shared_{std::move(shared)},
      place_{place},
      counters_{std::move(counters)},
      listeners_{std::move(listeners)},
      stream_listeners_{std::move(stream_listeners)},
      buffers_{std::make_unique<Buffers>()},
      streams_{*this, *shared_, *this, poller_},
      dtls_{*shared_, *this},
      server_{[&] {
                  auto settings = shared_->options.server;
                  settings.place = place;
                  return settings;
              }(),
              shared_->credentials,
              shared_->nonces,
              shared_->policy,
              shared_->users,
              *this} {}

TurnService::~TurnService() = default;

void TurnService::start(std::function<void(Port&)>) {
    for (const auto& listener : listeners_) {
        ports_.push_back(std::make_unique<ListenPort>(*this, listener));
        join_datagrams(listener.socket.fd());
        Mark::tell(listener.socket.fd());
        poller_.add(*ports_.back(), EPOLLIN);
    }
    for (auto& listener : stream_listeners_) streams_.listen(std::move(listener.socket), listener.local);
    for (auto& one : inherited_) restore(one);
    inherited_.clear();
}

turn::Server::Time TurnService::time(SteadyTime now) const {
    return {now, std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())};
}

void TurnService::ready(Port& port, std::uint32_t events, SteadyTime now) {
    static_cast<TurnPort&>(port).ready(events, now);
}

void TurnService::flush() {
    clients_.flush();
    peers_.flush();
    streams_.flush();
    dtls_.flush();
    buffers_->held = 0;
    buffers_->next_round();
    ended_.clear();
    ended_ports_.clear();
    counters_->packets.store(peers_.sent() + clients_.sent() + relayed_, std::memory_order_relaxed);
}

void TurnService::tick(SteadyTime now) {
    server_.tick(now);
    streams_.tick(now);
    dtls_.tick(now);
    expire_peers(now);
    flush();
    shared_->forget_reservations(now);
    for (const auto& port : ports_) count(counters_->kernel_drops, new_kernel_drops(*port));
    counters_->allocations.store(server_.size(), std::memory_order_relaxed);
    counters_->unauthorized.store(server_.unauthorized, std::memory_order_relaxed);
    counters_->connections.store(streams_.size() + dtls_.size(), std::memory_order_relaxed);
}

void TurnService::adopt(StreamClient::Parcel parcel) {
    streams_.adopt(std::move(parcel), std::chrono::steady_clock::now());
}

// Clients over plain UDP.

// All clients come by one socket: it is read until it is empty, but for the turn of the others.
void TurnService::from_client(ListenPort& port, SteadyTime now) {
    constexpr int kMostRounds = 16;
    auto& read = buffers_->clients;
    auto got = Buffers::kFromClients;
    for (int round = 0; round < kMostRounds && got == Buffers::kFromClients; ++round) {
        got = read.receive(port.fd, 0, Buffers::kFromClients);
        for (std::size_t i = 0; i < got; ++i) {
            mark_ = read.mark(i);
            read.each(i, [&](Bytes datagram) { from_client(port, datagram, read.from[i], now); });
        }
        peers_.flush();
    }
    mark_ = 0;
}

void TurnService::from_client(ListenPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now) {
    turn::FiveTuple tuple{to_stun(source), port.listener.local, turn::Transport::udp};
    if (turn::looks_like_channel_data(datagram)) return channel_data(tuple, datagram, now);
    if (looks_like_dtls(datagram)) {
        tuple.transport = turn::Transport::dtls;
        return dtls_.take(port.fd, tuple, source, datagram, now);
    }
    if (!stun::looks_like_stun(datagram)) return;
    if ((load_u16(datagram.data()) & 0x3EEF) == static_cast<unsigned>(stun::Method::binding))
        return binding(port, datagram, tuple.client, now);
    asking_ = nullptr;
    if (fetch_elsewhere(tuple, datagram)) return;
    answer(port.fd, tuple.client, answer_of(tuple, datagram, now));
}

Bytes TurnService::answer_of(const turn::FiveTuple& tuple, Bytes message, SteadyTime now) {
    return server_.on_message(tuple, message, time(now), buffers_->answer);
}

void TurnService::answer(int fd, const TransportAddress& to, Bytes message) {
    if (message.empty()) return;
    sockaddr_storage address;
    const auto length = fill(to, address);
    ::sendto(fd, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), length);
}

void TurnService::binding(ListenPort& port, Bytes datagram, const TransportAddress& source, SteadyTime now) {
    sockaddr_storage from{};
    fill(source, from);
    if (!binding_rate_.admit(Address::from(from), now)) return;
    if (sibling(port, true, true)) return discovery(port, datagram, source, now);
    const auto reply = stun::answer_binding(datagram, source, buffers_->answer);
    if (!reply.empty()) count(counters_->bindings);
    answer(port.fd, source, reply);
}

// RFC 5780 §6.
void TurnService::discovery(ListenPort& port, Bytes datagram, const TransportAddress& source, SteadyTime now) {
    stun::DiscoveryPlace place{
        .local = port.listener.local, .other = sibling(port, true, true)->listener.local, .answered_from = {}};
    for (const bool address : {false, true})
        for (const bool number : {false, true})
            place.answered_from[address][number] = sibling(port, address, number)->listener.local;
    const auto reply = stun::answer_discovery(datagram, source, place, buffers_->indication);
    if (reply.bytes.empty() || !discovery_budget_.admit(source, datagram.size(), reply.bytes.size(), now)) return;
    count(counters_->bindings);
    auto to = source;
    if (reply.port) to.port = *reply.port;
    answer(sibling(port, reply.change_address, reply.change_port)->fd, to, reply.bytes);
}

TurnService::ListenPort* TurnService::sibling(const ListenPort& port, bool other_address, bool other_port) const {
    const auto& from = port.listener;
    for (const auto& one : ports_) {
        const auto& to = one->listener;
        if (to.discovery && from.discovery && to.local.v6 == from.local.v6 &&
            to.alternate_address == (from.alternate_address != other_address) &&
            to.alternate_port == (from.alternate_port != other_port))
            return one.get();
    }
    return nullptr;
}

// The packet path: no lock, no allocation, no log.
void TurnService::channel_data(const turn::FiveTuple& tuple, Bytes datagram, SteadyTime now) {
    const auto frame = turn::ChannelData::parse(datagram);
    auto* allocation = frame ? server_.find(tuple) : nullptr;
    if (!allocation) return count(counters_->dropped);
    const auto* channel = server_.channel_for(*allocation, frame->channel, now);
    if (!channel) return count(counters_->dropped);
    send(*allocation, channel->peer, frame->data, false);
}

// Clients over streams and under DTLS.

void TurnService::on_message(ClientLink& client, Bytes message, SteadyTime now) {
    const auto& tuple = client.tuple();
    if (turn::looks_like_channel_data(message)) return channel_data(tuple, message, now);
    if (!stun::looks_like_stun(message)) return;
    if ((load_u16(message.data()) & 0x3EEF) == static_cast<unsigned>(stun::Method::binding)) {
        const auto reply = stun::answer_binding(message, tuple.client, buffers_->answer);
        if (reply.empty()) return;
        count(counters_->bindings);
        return client.tell(reply);
    }
    if (bind_elsewhere(client, message) || fetch_elsewhere(tuple, message)) return;
    asking_ = &client;
    const auto reply = answer_of(tuple, message, now);
    asking_ = nullptr;
    if (!reply.empty()) client.tell(reply);
}

void TurnService::on_gone(ClientLink& client, SteadyTime now) {
    peers_.flush();
    server_.end(client.tuple(), now);
}

// RFC 6062 §5.4: the peer's connection waits on the shard whose number its identifier begins with.
bool TurnService::bind_elsewhere(ClientLink& client, Bytes bytes) {
    const auto message = stun::Message::parse(bytes);
    if (!message || message->message_class() != stun::Class::request || !message->is(stun::Method::connection_bind) ||
        !turn::is_stream(client.tuple().transport) || has_allocation(client))
        return false;
    const auto id = message->attribute(stun::Attribute::connection_id);
    if (!id || id->size() != 4) return false;
    const auto place = std::to_integer<std::size_t>(id->front());
    if (place == place_ || place >= shared_->shards.size()) return false;
    static_cast<StreamClient&>(client).give_to([this, place](StreamClient::Parcel parcel) {
        auto carried = std::make_shared<StreamClient::Parcel>(std::move(parcel));
        shared_->shards[place]([carried](TurnService& there) { there.adopt(std::move(*carried)); });
    });
    return true;
}

bool TurnService::fetch_elsewhere(const turn::FiveTuple& tuple, Bytes bytes) {
    const auto message = stun::Message::parse(bytes);
    const auto place = message ? server_.elsewhere(tuple, *message) : std::nullopt;
    if (!place || *place >= shared_->shards.size()) return false;
    auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    shared_->shards[*place]([home = place_, tuple, copy](TurnService& there) {
        const auto now = std::chrono::steady_clock::now();
        auto taken =
            std::make_shared<std::unique_ptr<turn::Allocation>>(there.server_.take_out(tuple, *copy, there.time(now)));
        there.shared_->shards[home]([tuple, copy, taken](TurnService& back) {
            if (*taken) back.server_.take_in(std::move(*taken));
            back.fetched(tuple, *copy);
        });
    });
    return true;
}

void TurnService::fetched(const turn::FiveTuple& tuple, Bytes message) {
    const auto now = std::chrono::steady_clock::now();
    if (tuple.transport == turn::Transport::udp) {
        asking_ = nullptr;
        return answer(listener_of(tuple.server), tuple.client, answer_of(tuple, message, now));
    }
    asking_ = tuple.transport == turn::Transport::dtls ? dtls_.find(tuple) : streams_.find(tuple);
    if (!asking_) return;
    auto& client = *asking_;
    const auto reply = answer_of(tuple, message, now);
    asking_ = nullptr;
    if (!reply.empty()) client.tell(reply);
}

}  // namespace carillon::relay
