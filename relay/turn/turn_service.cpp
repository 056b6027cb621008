#include "relay/turn/turn_service.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/epoll.h>

#include "stun/binding_server.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

namespace {

constexpr std::size_t kMaxDatagram = 2048;
constexpr std::size_t kFromClients = 32;  // read at once
constexpr std::size_t kFromPeers = 16;
constexpr std::size_t kHeld = 256;  // datagrams of peers that wait to be sent together

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

}  // namespace

struct TurnService::ListenPort : Port {
    const Listener* listener = nullptr;
};

struct TurnService::RelayPort : Port {
    UdpSocket held;
    UdpRelay* relay = nullptr;
};

/// The sockets of one allocation: of one family or both, on one port number.
struct TurnService::UdpRelay final : turn::Relay {
    explicit UdpRelay(TurnShared& owner) : shared{owner} {}
    ~UdpRelay() override {
        for (auto& one : ports) one.held = UdpSocket{};  // closed before the port is free again
        shared.give_back(number);
    }
    RelayPort* port(bool v6) { return ports[v6].fd >= 0 ? &ports[v6] : nullptr; }

    TurnShared& shared;
    std::uint16_t number = 0;
    std::array<RelayPort, 2> ports;  // IPv4, IPv6
    turn::Allocation* allocation = nullptr;
    int client_fd = -1;
    sockaddr_storage client{};
    socklen_t client_length = 0;
};

struct TurnService::Buffers {
    template <std::size_t N>
    struct Set {
        std::array<std::array<std::byte, kMaxDatagram>, N> data;
        std::array<sockaddr_storage, N> from;
        std::array<iovec, N> vectors;
        std::array<mmsghdr, N> messages;
        Set() {
            for (std::size_t i = 0; i < N; ++i) {
                vectors[i] = {data[i].data(), kMaxDatagram};
                messages[i] = {};
                messages[i].msg_hdr.msg_name = &from[i];
                messages[i].msg_hdr.msg_iov = &vectors[i];
                messages[i].msg_hdr.msg_iovlen = 1;
            }
        }
        std::size_t receive(int fd, std::size_t first, std::size_t most) {
            for (std::size_t i = first; i < first + most; ++i) messages[i].msg_hdr.msg_namelen = sizeof from[i];
            const int got = ::recvmmsg(fd, messages.data() + first, static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
            return got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        bool whole(std::size_t i) const { return (messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0; }
        Bytes datagram(std::size_t i) const { return {data[i].data(), messages[i].msg_len}; }
    };
    Set<kFromClients> clients;
    Set<kHeld> peers;
    std::size_t held = 0;
    std::array<std::byte, turn::Server::kMaxAnswer> answer;
    std::array<std::byte, kMaxDatagram + 64> indication;
};

TurnService::TurnService(std::shared_ptr<TurnShared> shared, std::vector<Listener> listeners,
                         std::shared_ptr<TurnCounters> counters)
    : shared_{std::move(shared)},
      counters_{std::move(counters)},
      listeners_{std::move(listeners)},
      buffers_{std::make_unique<Buffers>()},
      server_{shared_->options.server, shared_->credentials, shared_->nonces, shared_->policy, shared_->users, *this} {}

TurnService::~TurnService() = default;

void TurnService::start(std::function<void(Port&)> watch) {
    watch_ = std::move(watch);
    for (const auto& listener : listeners_) {
        auto port = std::make_unique<ListenPort>();
        port->fd = listener.socket.fd();
        port->service = this;
        port->listener = &listener;
        watch_(*port);
        ports_.push_back(std::move(port));
    }
}

turn::Server::Time TurnService::time(SteadyTime now) const {
    return {now, std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())};
}

void TurnService::ready(Port& port, std::uint32_t events, SteadyTime now) {
    const auto listening = std::ranges::find(ports_, &port, [](const auto& one) -> Port* { return one.get(); });
    if (listening != ports_.end()) return from_client(**listening, now);
    auto& relay = static_cast<RelayPort&>(port);
    if (!relay.relay->allocation) return;  // it ended in this round
    if ((events & EPOLLERR) != 0) icmp(relay, now);
    if ((events & EPOLLIN) != 0) from_peer(relay, now);
}

void TurnService::flush() {
    clients_.flush();
    buffers_->held = 0;
    ended_.clear();
    counters_->packets.store(peers_.sent() + clients_.sent(), std::memory_order_relaxed);
}

void TurnService::tick(SteadyTime now) {
    server_.tick(now);
    flush();
    shared_->forget_reservations(now);
    counters_->allocations.store(server_.size(), std::memory_order_relaxed);
    counters_->unauthorized.store(server_.unauthorized, std::memory_order_relaxed);
}

// Clients.

void TurnService::from_client(ListenPort& port, SteadyTime now) {
    auto& read = buffers_->clients;
    const auto got = read.receive(port.fd, 0, kFromClients);
    for (std::size_t i = 0; i < got; ++i)
        if (read.whole(i)) from_client(port, read.datagram(i), read.from[i], now);
    peers_.flush();
}

void TurnService::from_client(ListenPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now) {
    const turn::FiveTuple tuple{to_stun(source), port.listener->local, turn::Transport::udp};
    if (turn::looks_like_channel_data(datagram)) return channel_data(tuple, datagram, now);
    if (!stun::looks_like_stun(datagram)) return;
    if ((load_u16(datagram.data()) & 0x3EEF) == static_cast<unsigned>(stun::Method::binding))
        return binding(port, datagram, tuple.client, now);
    const auto answer = server_.on_message(tuple, datagram, time(now), buffers_->answer);
    if (answer.empty()) return;
    ::sendto(port.fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&source), tuple.client.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
}

void TurnService::binding(ListenPort& port, Bytes datagram, const TransportAddress& source, SteadyTime now) {
    sockaddr_storage to{};
    const auto length = fill(source, to);
    if (!binding_rate_.admit(Address::from(to), now)) return;
    const auto reply = stun::answer_binding(datagram, source, buffers_->answer);
    if (reply.empty()) return;
    count(counters_->bindings);
    ::sendto(port.fd, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
             length);
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

void TurnService::send(turn::Allocation& allocation, const TransportAddress& peer, Bytes data, bool dont_fragment) {
    auto* port = static_cast<UdpRelay&>(*allocation.relay).port(peer.v6);
    if (!port || !allocation.user->spend(data.size(), std::chrono::steady_clock::now()))
        return count(counters_->dropped);
    sockaddr_storage to;
    const auto length = fill(shared_->outward(peer), to);
    if (!dont_fragment) return peers_.add(port->fd, to, length, {}, data);
    // RFC 8656 §15: the DF bit for this one alone.
    peers_.flush();
    const int level = peer.v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const int option = peer.v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;
    const int always = IP_PMTUDISC_DO;
    const int usual = IP_PMTUDISC_DONT;
    ::setsockopt(port->fd, level, option, &always, sizeof always);
    ::sendto(port->fd, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
             length);
    ::setsockopt(port->fd, level, option, &usual, sizeof usual);
}

// Peers.

void TurnService::from_peer(RelayPort& port, SteadyTime now) {
    if (buffers_->held + kFromPeers > kHeld) {
        clients_.flush();
        buffers_->held = 0;
    }
    auto& read = buffers_->peers;
    const auto first = buffers_->held;
    const auto got = read.receive(port.fd, first, kFromPeers);
    for (std::size_t i = first; i < first + got; ++i)
        if (read.whole(i)) from_peer(port, read.datagram(i), read.from[i], now);
    buffers_->held += got;
}

void TurnService::from_peer(RelayPort& port, Bytes datagram, const sockaddr_storage& source, SteadyTime now) {
    auto& relay = *port.relay;
    auto& allocation = *relay.allocation;
    const auto peer = shared_->inward(to_stun(source));
    if (!allocation.user->spend(datagram.size(), now)) return count(counters_->dropped);
    const auto* channel = allocation.channel_of(peer);
    if (channel && channel->usable(now)) {
        std::array<std::byte, turn::kChannelHeader> header;
        turn::ChannelData::write_header(header.data(), channel->number, datagram.size());
        return clients_.add(relay.client_fd, relay.client, relay.client_length, header, datagram);
    }
    if (!allocation.permits(peer, now) || !shared_->policy.admits(peer)) return count(counters_->dropped);
    const std::span out{buffers_->indication};
    const auto head = turn::Server::data_indication(peer, datagram.size(), out);
    std::ranges::copy(datagram, out.begin() + static_cast<std::ptrdiff_t>(head.size()));
    const auto padding = (4 - datagram.size() % 4) % 4;
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(head.size() + datagram.size()), padding, std::byte{0});
    clients_.flush();  // in order with what came before
    to_client(allocation, out.first(head.size() + datagram.size() + padding));
}

void TurnService::to_client(const turn::Allocation& allocation, Bytes datagram) {
    const auto& relay = static_cast<const UdpRelay&>(*allocation.relay);
    ::sendto(relay.client_fd, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&relay.client), relay.client_length);
}

// RFC 8656 §11.6: an ICMP error is told to the client it concerns, and is nobody else's matter.
void TurnService::icmp(RelayPort& port, SteadyTime now) {
    for (int i = 0; i < 16; ++i) {
        sockaddr_storage peer{};
        alignas(cmsghdr) std::array<std::byte, 512> control{};
        std::array<std::byte, 64> start{};
        iovec vector{start.data(), start.size()};
        msghdr message{};
        message.msg_name = &peer;
        message.msg_namelen = sizeof peer;
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(port.fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
        const auto address = shared_->inward(to_stun(peer));
        if (!port.relay->allocation->permits(address, now)) continue;
        for (auto* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            sock_extended_err error{};
            std::memcpy(&error, CMSG_DATA(part), sizeof error);
            if (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
            const auto told = turn::Server::icmp_indication(address, error.ee_type, error.ee_code, error.ee_info,
                                                            buffers_->indication);
            to_client(*port.relay->allocation, told);
        }
    }
}

// stun::turn::Host

std::expected<turn::Opened, turn::Refusal> TurnService::open(const turn::RelayRequest& request) {
    const auto v4 = shared_->place(false);
    const auto v6 = shared_->place(true);
    const bool lacks_v6 = request.v6 && !v6 && !request.v6_optional;
    if ((request.v4 && !v4 && !request.reservation) || lacks_v6)
        return std::unexpected{turn::Refusal{440, "Address Family not Supported"}};
    auto taken = shared_->take(request, std::chrono::steady_clock::now());
    if (!taken) return std::unexpected{turn::Refusal{508, "Insufficient Capacity"}};
    auto relay = std::make_unique<UdpRelay>(*shared_);
    relay->number = taken->port.port;
    turn::Opened opened;
    const auto use = [&](bool family, std::size_t place) {
        auto& port = relay->ports[family];
        port.held = std::move(taken->port.sockets[place]);
        port.fd = port.held.fd();
        port.service = this;
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

void TurnService::installed(turn::Allocation& allocation) {
    auto& relay = static_cast<UdpRelay&>(*allocation.relay);
    relay.allocation = &allocation;
    relay.client_fd = listener_of(allocation.tuple.server);
    relay.client_length = fill(allocation.tuple.client, relay.client);
    for (auto& port : relay.ports)
        if (port.fd >= 0) watch_(port);
}

void TurnService::moved(turn::Allocation& allocation, const turn::FiveTuple&) {
    clients_.flush();
    auto& relay = static_cast<UdpRelay&>(*allocation.relay);
    relay.client_fd = listener_of(allocation.tuple.server);
    relay.client_length = fill(allocation.tuple.client, relay.client);
}

void TurnService::ended(turn::Allocation& allocation) {
    peers_.flush();  // what is under way names its socket
    clients_.flush();
    static_cast<UdpRelay&>(*allocation.relay).allocation = nullptr;
    ended_.push_back(std::move(allocation.relay));
}

std::optional<turn::Refusal> TurnService::connect(turn::Allocation&, const PendingConnect&) {
    return turn::Refusal{447, "Connection Timeout or Failure"};  // no allocation over UDP relays connections
}

bool TurnService::bind_connection(const turn::FiveTuple&, std::uint32_t, const turn::Owner&) { return false; }

}  // namespace carillon::relay
