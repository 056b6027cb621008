#include "relay/turn/tcp_relay.h"

#include <netinet/in.h>
#include <openssl/rand.h>

#include <cerrno>

#include "relay/turn/turn_buffers.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

namespace {

constexpr turn::Refusal kFailed{447, "Connection Timeout or Failure"};

/// A socket at a relayed address: a listener and connections from it share the port.
StreamSocket socket_at(const TransportAddress& bound) {
    const int family = bound.v6 ? AF_INET6 : AF_INET;
    StreamSocket made{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const int on = 1;
    if (bound.v6) ::setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_storage raw{};
    const auto length = fill(bound, raw);
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&raw), length) != 0) made.close();
    return made;
}

}  // namespace

TurnService::TcpPeer::TcpPeer(TcpRelay& owner, StreamSocket connection, const TransportAddress& peer,
                              std::uint32_t number)
    : StreamEnd{owner.service->poller_, std::move(connection)}, relay{&owner}, address{peer}, id{number} {
    service = owner.service;
}

void TurnService::TcpPeer::connecting(const PendingConnect& request, SteadyTime deadline) {
    pending = request;
    expires = deadline;
    writing_allowed_ = false;  // watched for being writable
    read_on(false);
    watch();
}

void TurnService::TcpPeer::waiting_for_client(SteadyTime deadline) {
    expires = deadline;
    read_on(false);
    watch();
}

void TurnService::TcpPeer::ready(std::uint32_t events, SteadyTime now) {
    if (closed()) return;
    if (pending) return connected(now);
    if ((events & EPOLLERR) != 0) return close();
    if ((events & EPOLLOUT) != 0) write_now();
    if (closed() || (events & (EPOLLIN | EPOLLHUP)) == 0) return;
    if (!piped()) return (events & EPOLLHUP) != 0 ? close() : void();
    pump(relay->service->streams_.buffer());
}

void TurnService::TcpPeer::connected(SteadyTime now) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail();
    const auto request = *std::exchange(pending, std::nullopt);
    writing_allowed_ = true;
    expires = now + TcpRelay::kPatience;
    update();
    auto& turn = *relay->service;
    turn.to_client(*relay->allocation, turn.server_.connected(*relay->allocation, request, id, turn.buffers_->answer));
}

void TurnService::TcpPeer::fail() {
    auto& turn = *relay->service;
    if (pending && relay->allocation)
        turn.to_client(*relay->allocation, turn.server_.connected(*relay->allocation, *pending,
                                                                  std::unexpected{kFailed}, turn.buffers_->answer));
    close();
}

void TurnService::TcpPeer::ended() { relay->bury(*this); }

TurnService::TcpRelay::~TcpRelay() { give_back_port(); }

bool TurnService::TcpRelay::listen(const TransportAddress& bound) {
    constexpr int kBacklog = 16;
    auto socket = socket_at(bound);
    if (socket.fd() < 0 || ::listen(socket.fd(), kBacklog) != 0) return false;
    auto& port = listeners[bound.v6];
    port.held = std::move(socket);
    port.fd = port.held.fd();
    port.service = service;
    port.relay = this;
    return true;
}

void TurnService::TcpRelay::watch() {
    for (auto& one : listeners)
        if (one.fd >= 0) service->poller_.add(one, EPOLLIN);
}

void TurnService::TcpRelay::unwatch() {
    for (auto& one : listeners) {
        if (one.fd < 0) continue;
        service->poller_.remove(one);
        one.held.close();
        one.fd = -1;
    }
    while (!peers.empty()) peers.begin()->second->close();
}

void TurnService::TcpRelay::ListenPort::ready(std::uint32_t, SteadyTime now) {
    if (fd >= 0 && relay->allocation) relay->accept(*this, now);
}

std::uint32_t TurnService::TcpRelay::new_id() const {
    std::uint32_t id = 0;
    do {
        ::RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id);
        id = (id & 0x00FFFFFF) | static_cast<std::uint32_t>(service->place_) << 24;
    } while (service->tcp_peers_.contains(id));
    return id;
}

TurnService::TcpPeer& TurnService::TcpRelay::add(StreamSocket socket, const TransportAddress& peer) {
    StreamSocket::prepare(socket.fd());
    const auto id = new_id();
    auto& made = *(peers[id] = std::make_unique<TcpPeer>(*this, std::move(socket), peer, id));
    service->tcp_peers_[id] = &made;
    return made;
}

// §5.3: only from whom there is a permission for.
void TurnService::TcpRelay::accept(ListenPort& port, SteadyTime now) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    StreamSocket socket{::accept4(port.fd, reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (socket.fd() < 0) return;
    const auto peer = service->shared_->inward(to_stun(from));
    if (peers.size() >= kMostPeers || !allocation->permits(peer, now) || !service->shared_->policy.admits(peer)) return;
    auto& made = add(std::move(socket), peer);
    made.waiting_for_client(now + kPatience);
    service->to_client(*allocation, turn::Server::connection_attempt(peer, made.id, service->buffers_->indication));
}

std::optional<turn::Refusal> TurnService::TcpRelay::connect(const PendingConnect& pending, SteadyTime now) {
    for (const auto& [id, peer] : peers)
        if (peer->address == pending.peer) return turn::Refusal{446, "Connection Already Exists"};
    if (peers.size() >= kMostPeers) return turn::Refusal{508, "Insufficient Capacity"};
    const auto place = service->shared_->place(pending.peer.v6);
    if (!place) return kFailed;
    auto bound = service->shared_->bound(*place);
    bound.port = number;
    auto socket = socket_at(bound);
    if (socket.fd() < 0) return kFailed;
    sockaddr_storage to{};
    const auto length = fill(service->shared_->outward(pending.peer), to);
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to), length) != 0 && errno != EINPROGRESS)
        return kFailed;
    add(std::move(socket), pending.peer).connecting(pending, now + kPatience);
    return std::nullopt;
}

TurnService::TcpPeer* TurnService::TcpRelay::waiting(std::uint32_t id) {
    const auto found = peers.find(id);
    if (found == peers.end() || found->second->pending || found->second->piped()) return nullptr;
    return found->second.get();
}

void TurnService::TcpRelay::bury(TcpPeer& peer) {
    const auto found = peers.find(peer.id);
    if (found == peers.end()) return;
    service->tcp_peers_.erase(peer.id);
    service->ended_ports_.push_back(std::move(found->second));
    peers.erase(found);
}

void TurnService::expire_peers(SteadyTime now) {
    std::vector<TcpPeer*> over;
    for (const auto& [id, peer] : tcp_peers_)
        if (!peer->piped() && now >= peer->expires) over.push_back(peer);
    for (auto* peer : over) peer->fail();
}

// stun::turn::Host

std::expected<turn::Opened, turn::Refusal> TurnService::open_tcp(const turn::RelayRequest& request) {
    constexpr int kTries = 8;  // other programs may hold the port for TCP
    const auto v4 = shared_->place(false);
    const auto v6 = shared_->place(true);
    for (int i = 0; i < kTries; ++i) {
        auto taken = shared_->take(request, std::chrono::steady_clock::now());
        if (!taken) break;
        auto relay = std::make_unique<TcpRelay>(*this);
        relay->number = taken->port.port;
        taken->port.sockets.clear();  // the number alone is wanted
        turn::Opened opened;
        bool listening = true;
        const auto use = [&](std::size_t place) {
            auto at = shared_->bound(place);
            at.port = relay->number;
            listening = listening && relay->listen(at);
            return shared_->advertised(place, relay->number);
        };
        if (request.v4 && v4) opened.v4 = use(*v4);
        if (request.v6 && v6) opened.v6 = use(*v6);
        opened.relay = std::move(relay);
        if (listening) return opened;
    }
    return std::unexpected{turn::Refusal{508, "Insufficient Capacity"}};
}

std::optional<turn::Refusal> TurnService::connect(turn::Allocation& allocation, const PendingConnect& pending) {
    return static_cast<TcpRelay&>(*allocation.relay).connect(pending, std::chrono::steady_clock::now());
}

bool TurnService::bind_connection(const turn::FiveTuple&, std::uint32_t id, const turn::Owner& owner) {
    const auto found = tcp_peers_.find(id);
    if (found == tcp_peers_.end() || !asking_) return false;
    auto& relay = *found->second->relay;
    auto* peer = relay.waiting(id);
    if (!peer || !relay.allocation || relay.allocation->owner.user_name != owner.user_name) return false;
    static_cast<StreamClient*>(asking_)->pipe_to(*peer);
    return true;
}

}  // namespace carillon::relay
