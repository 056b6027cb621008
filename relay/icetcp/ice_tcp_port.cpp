#include "relay/icetcp/ice_tcp_port.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include "relay/turn/turn_shared.h"

namespace carillon::relay {
namespace {

constexpr int kAccepts = 16;  // a round
constexpr std::size_t kSameName = 8;

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

std::uint64_t random64() {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
}

/// The components of a leg have one name: a check tells its own by its PRIORITY (RFC 8445 §5.1.2.1, §7.2.2).
std::size_t component_of(const stun::Message& check, std::size_t components) {
    constexpr std::byte kSecond{256 - 2};
    const auto priority = check.attribute(stun::Attribute::priority);
    return components > 1 && priority && priority->size() == 4 && (*priority)[3] == kSecond ? 1 : 0;
}

bool is_request(Bytes packet) {
    return stun::looks_like_stun(packet) && packet[0] == std::byte{0} && packet[1] == std::byte{1};
}

}  // namespace

IceTcpPlaces::IceTcpPlaces(const IceTcpLimits& limits)
    : all{limits.per_address, limits.connections, random64()},
      waiting{limits.waiting_per_address, limits.connections, random64()} {}

struct IceTcpPort::Listener final : TurnPort {
    Listener(IceTcpPort& owner, StreamSocket listens) : at{owner}, held{std::move(listens)} {
        fd = held.fd();
        service = &at;
    }
    void ready(std::uint32_t, SteadyTime now) override { at.accept(*this, now); }
    IceTcpPort& at;
    StreamSocket held;
};

struct IceTcpPort::Buffers {
    static constexpr std::size_t kSlots = 32;
    /// A packet, with room for a seal; no power of two, or all of them would share a few lines of the cache.
    static constexpr std::size_t kStride = IceTcpConnection::kFrameMost + 3 * 64;
    std::array<std::byte, StreamSocket::kReadSize> room;
    std::array<std::array<std::byte, kStride>, kSlots> slots;
};

IceTcpPort::IceTcpPort(std::vector<StreamSocket> listeners, const IceTcpLimits& limits,
                       std::shared_ptr<IceTcpPlaces> places, std::shared_ptr<IceTcpCounters> counters)
    : limits_{limits},
      places_{std::move(places)},
      counters_{std::move(counters)},
      buffers_{std::make_unique_for_overwrite<Buffers>()} {
    for (auto& socket : listeners) listeners_.push_back(std::make_unique<Listener>(*this, std::move(socket)));
}

IceTcpPort::~IceTcpPort() = default;

std::span<std::byte> IceTcpPort::room() { return buffers_->room; }

void IceTcpPort::start(std::function<void(Port&)>) {
    for (auto& listener : listeners_) poller_.add(*listener, EPOLLIN);
}

void IceTcpPort::ready(Port& port, std::uint32_t events, SteadyTime now) {
    static_cast<TurnPort&>(port).ready(events, now);
}

void IceTcpPort::accept(Listener& listener, SteadyTime now) {
    for (int i = 0; i < kAccepts; ++i) {
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        const int fd =
            ::accept4(listener.fd, reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) rest(true);
            return;
        }
        StreamSocket socket{fd};
        const auto client = to_stun(from);
        IceTcpConnection::Places places{.all = places_->all.admit(client), .waiting = places_->waiting.admit(client)};
        if (!places.all || !places.waiting) {
            count(counters_->refused);
            continue;
        }
        make_room();
        StreamSocket::prepare(fd);
        auto made =
            std::make_unique<IceTcpConnection>(*this, std::move(socket), Address::from(from), std::move(places), now);
        poller_.add(*made, EPOLLIN);
        auto* key = made.get();
        waiting_.push_back(key);
        connections_.emplace(key, std::move(made));
        count(counters_->accepted);
        counters_->connections.store(connections_.size(), std::memory_order_relaxed);
    }
}

/// Whoever fills the port with connections that say nothing pushes out their own kind.
void IceTcpPort::make_room() {
    if (waiting_.size() < limits_.waiting) return;
    count(counters_->unproven);
    waiting_.front()->close();
}

/// No descriptor is free: until the next tick.
void IceTcpPort::rest(bool on) {
    if (std::exchange(resting_, on) == on) return;
    for (auto& listener : listeners_) poller_.change(*listener, on ? 0u : std::uint32_t{EPOLLIN});
}

IceTcpSeat* IceTcpPort::seat_of(const stun::Message& check) const {
    const auto name = as_text(check.attribute(stun::Attribute::username).value_or(Bytes{}));
    auto [at, end] = names_.equal_range(name.substr(0, name.find(':')));
    for (std::size_t tried = 0; at != end && tried < kSameName; ++at, ++tried)
        if (at->second->stream().signs(at->second->leg(), check)) return at->second;
    return nullptr;
}

bool IceTcpPort::admit(IceTcpConnection& connection, Bytes first, SteadyTime) {
    const auto check = stun::Message::parse(first);
    if (!check || !check->is_binding() || check->message_class() != stun::Class::request) {
        count(counters_->unproven);
        return false;
    }
    auto* seat = seat_of(*check);
    if (!seat) {
        count(counters_->unknown_user);
        return false;
    }
    std::erase(waiting_, &connection);
    auto& stream = seat->stream();
    connection.bind(stream, seat->leg(), component_of(*check, stream.components(seat->leg())));
    return true;
}

void IceTcpPort::deliver(IceTcpConnection& connection, Bytes packet, SteadyTime now) {
    const auto& place = connection.place();
    auto& stream = *place.stream;
    const bool check = is_request(packet);
    if (auto* taps = stream.taps()) [[unlikely]]
        taps->arrived(place.leg, place.fd, packet, connection.remote());
    const auto decision = decide(place, connection.remote(), packet, now);
    if (check && (decision.drop == Drop::none || decision.drop == Drop::consumed || decision.drop == Drop::no_far_side))
        connection.checked(now);
    if (stream.has_due()) [[unlikely]]
        stream.pass_due(now, [this](const Decision& due, Bytes held) { sent_ += relay::send(due, held) ? 1 : 0; });
    if (decision.drop != Drop::none) {
        if (decision.drop != Drop::consumed) stream.count_drop(place.leg, decision.drop);
        return;
    }
    if (auto* taps = stream.taps()) [[unlikely]]
        taps->leaves(decision.leg, decision.fd, packet, decision.to);
    if (decision.link) {
        sent_ += decision.link->send(packet) ? 1 : 0;
        return;
    }
    sockaddr_storage to;
    const auto length = decision.to.fill(to);
    out_.add(decision.fd, to, length, {}, packet);
}

/// What is opened and sealed anew is written to: it gets a place of its own. `packet` is what goes on, until
/// send_out().
Decision IceTcpPort::decide(const Port& place, const Address& from, Bytes& packet, SteadyTime now) {
    if (place.stream->mode() != api::Mode::bridge) return place.stream->on_datagram(place, packet, from, now);
    const auto own = slot();
    std::ranges::copy(packet, own.begin());
    const auto decision = place.stream->on_bridged(place, own, packet.size(), from, now);
    packet = own.first(decision.drop == Drop::none ? decision.size : 0);
    return decision;
}

std::span<std::byte> IceTcpPort::slot() {
    if (slots_used_ == Buffers::kSlots) send_out();
    return buffers_->slots[slots_used_++];
}

void IceTcpPort::send_out() {
    out_.flush();
    slots_used_ = 0;
}

void IceTcpPort::write_later(IceTcpConnection& connection) {
    if (std::exchange(connection.dirty, true)) return;
    dirty_.push_back(&connection);
}

void IceTcpPort::bury(IceTcpConnection& connection) {
    std::erase(waiting_, &connection);
    if (connection.dirty) std::erase(dirty_, &connection);
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    buried_.push_back(std::move(found->second));
    connections_.erase(found);
    counters_->connections.store(connections_.size(), std::memory_order_relaxed);
}

void IceTcpPort::count_oversize() { count(counters_->oversize); }
void IceTcpPort::count_full() { count(counters_->full); }

void IceTcpPort::flush() {
    while (!dirty_.empty()) {
        auto* connection = dirty_.back();
        dirty_.pop_back();
        connection->dirty = false;
        connection->write_now();
    }
    buried_.clear();
    counters_->packets.store(out_.sent() + sent_, std::memory_order_relaxed);
}

void IceTcpPort::tick(SteadyTime now) {
    rest(false);
    constexpr std::chrono::milliseconds kLook{900};
    if (now - looked_ < kLook) return;
    looked_ = now;
    std::vector<IceTcpConnection*> over;
    for (const auto& [connection, owned] : connections_)
        if (connection->overdue(now)) over.push_back(connection);
    for (auto* connection : over) {
        if (!connection->bound()) count(counters_->unproven);
        connection->close();
    }
}

void IceTcpPort::rename(IceTcpSeat& seat) {
    for (const auto& name : seat.names_) {
        const auto [begin, end] = names_.equal_range(name);
        const auto mine = std::find_if(begin, end, [&](const auto& each) { return each.second == &seat; });
        if (mine != end) names_.erase(mine);
    }
    seat.names_ = seat.stream_.check_names(seat.leg_);
    for (const auto& name : seat.names_) names_.emplace(name, &seat);
}

void IceTcpPort::leave(IceTcpSeat& seat) {
    for (const auto& name : std::exchange(seat.names_, {})) {
        const auto [begin, end] = names_.equal_range(name);
        const auto mine = std::find_if(begin, end, [&](const auto& each) { return each.second == &seat; });
        if (mine != end) names_.erase(mine);
    }
    seat.stream_.cut_links(seat.leg_);
}

IceTcpSeat::IceTcpSeat(IceTcpPort& at, Stream& stream, std::size_t leg) : at_{at}, stream_{stream}, leg_{leg} {
    at_.rename(*this);
}

IceTcpSeat::~IceTcpSeat() { at_.leave(*this); }

void IceTcpSeat::renew() { at_.rename(*this); }

}  // namespace carillon::relay
