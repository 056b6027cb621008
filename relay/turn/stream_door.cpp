#include "relay/turn/stream_door.h"

#include <sys/socket.h>

#include <cerrno>

namespace carillon::relay {

namespace turn = stun::turn;

namespace {

constexpr int kAccepts = 16;    // a round
constexpr int kHandshakes = 4;  // steps a round: each may take as long as thousands of packets

}  // namespace

struct StreamDoor::ListenPort final : TurnPort {
    ListenPort(StreamDoor& owner, StreamSocket listener, const stun::TransportAddress& at)
        : door{owner}, held{std::move(listener)}, local{at} {
        fd = held.fd();
    }
    void ready(std::uint32_t, SteadyTime now) override { door.accept(*this, now); }
    StreamDoor& door;
    StreamSocket held;
    stun::TransportAddress local;
};

StreamDoor::StreamDoor(ShardService& service, TurnShared& shared, ClientEvents& events, Poller& poller)
    : service_{service}, shared_{shared}, events_{events}, poller_{poller}, handshakes_left_{kHandshakes} {}

StreamDoor::~StreamDoor() = default;

void StreamDoor::listen(StreamSocket listener, const stun::TransportAddress& local) {
    auto port = std::make_unique<ListenPort>(*this, std::move(listener), local);
    port->service = &service_;
    poller_.add(*port, EPOLLIN);
    ports_.push_back(std::move(port));
}

void StreamDoor::accept(ListenPort& port, SteadyTime now) {
    for (int i = 0; i < kAccepts; ++i) {
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        const int fd = ::accept4(port.fd, reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) rest(true);
            return;
        }
        StreamSocket socket{fd};
        sockaddr_storage here{};
        socklen_t size = sizeof here;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0) continue;
        const turn::FiveTuple tuple{to_stun(from), to_stun(here), turn::Transport::tcp};
        auto place = shared_.places_for_clients.admit(tuple.client);
        if (!place) continue;
        StreamSocket::prepare(fd);
        adopt({std::move(socket), tuple, {}, std::move(place), false}, now);
    }
}

StreamClient* StreamDoor::adopt(StreamClient::Parcel parcel, SteadyTime now) {
    auto made = std::make_unique<StreamClient>(*this, poller_, std::move(parcel), now);
    auto* client = made.get();
    client->service = &service_;
    clients_.emplace(client, std::move(made));
    client->start(now);
    return client->closed() ? nullptr : client;
}

StreamClient* StreamDoor::find(const turn::FiveTuple& tuple) {
    for (auto& [client, owned] : clients_)
        if (client->tuple() == tuple) return client;
    return nullptr;
}

bool StreamDoor::may_shake_hands() { return handshakes_left_-- > 0; }

void StreamDoor::write_later(StreamClient& client) {
    if (std::exchange(client.dirty, true)) return;
    dirty_.push_back(&client);
}

void StreamDoor::bury(StreamClient& client) {
    const auto found = clients_.find(&client);
    if (found == clients_.end()) return;
    buried_.push_back(std::move(found->second));
    clients_.erase(found);
}

void StreamDoor::flush() {
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
        dirty_[i]->dirty = false;
        dirty_[i]->write_now();
        if (dirty_[i]->overflowed()) dirty_[i]->close();
    }
    dirty_.clear();
    buried_.clear();
    handshakes_left_ = kHandshakes;
}

void StreamDoor::rest(bool on) {
    if (std::exchange(resting_, on) == on) return;
    for (auto& port : ports_) poller_.change(*port, on ? 0u : std::uint32_t{EPOLLIN});
}

void StreamDoor::tick(SteadyTime now) {
    rest(false);
    std::vector<StreamClient*> over;
    for (auto& [client, owned] : clients_)
        if (client->overdue(now)) over.push_back(client);
    for (auto* client : over)
        if (!client->closed()) client->close();  // the end of one may be the end of another
}

}  // namespace carillon::relay
