#include "relay/engine/ice_port.h"

#include <sys/socket.h>

#include <algorithm>

#include "relay/engine/socket_drops.h"
#include "relay/ports/mark.h"

namespace carillon::relay {
namespace {

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

}  // namespace

struct IcePort::Batch {
    static constexpr std::size_t kSize = 64;
    static constexpr std::size_t kMaxDatagram = 2048;
    /// With room for a seal; no power of two, or all of them would share a few lines of the cache.
    static constexpr std::size_t kStride = kMaxDatagram + 3 * 64;
    std::array<std::array<std::byte, kStride>, kSize> data;
    std::array<sockaddr_storage, kSize> from;
    std::array<iovec, kSize> vectors;
    std::array<mmsghdr, kSize> messages;
    struct alignas(cmsghdr) Told {
        std::array<std::byte, 64> octets{};  // a mark and a time
    };
    std::array<Told, kSize> told;

    Batch() {
        for (std::size_t i = 0; i < kSize; ++i) {
            vectors[i] = {data[i].data(), kMaxDatagram};
            messages[i] = {};
            messages[i].msg_hdr.msg_name = &from[i];
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = told[i].octets.data();
        }
    }
    std::size_t receive(int fd, LatencyProbe& probe) {
        for (auto& message : messages) {
            message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
            message.msg_hdr.msg_controllen = sizeof(Told);
        }
        const int got = ::recvmmsg(fd, messages.data(), kSize, MSG_DONTWAIT, nullptr);
        if (got <= 0) return 0;
        if (probe.looks_at(fd)) [[unlikely]]
            probe.note(std::span{messages}.first(static_cast<std::size_t>(got)));
        return static_cast<std::size_t>(got);
    }
    std::span<std::byte> buffer(std::size_t index) { return data[index]; }
    std::size_t size(std::size_t index) const { return messages[index].msg_len; }
    Bytes datagram(std::size_t index) const { return Bytes{data[index]}.first(size(index)); }
    std::uint8_t mark(std::size_t index) { return Mark::of(messages[index].msg_hdr); }
    bool whole(std::size_t index) const { return (messages[index].msg_hdr.msg_flags & MSG_TRUNC) == 0; }
};

IcePort::IcePort(std::vector<UdpSocket> sockets, std::shared_ptr<IcePortCounters> counters)
    : sockets_{std::move(sockets)}, counters_{std::move(counters)}, batch_{std::make_unique<Batch>()} {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        ports_.push_back(std::make_unique<Port>());
        ports_.back()->fd = sockets_[i].fd();
        Mark::tell(sockets_[i].fd());
        ports_.back()->socket = static_cast<std::uint8_t>(i);
        ports_.back()->service = this;
    }
}

IcePort::~IcePort() = default;

void IcePort::start(std::function<void(Port&)> watch) {
    for (auto& port : ports_) watch(*port);
}

// All legs come by one socket: it is read until it is empty, but for the turn of the others.
void IcePort::ready(Port& port, std::uint32_t, SteadyTime now) {
    constexpr int kMostRounds = 8;
    for (int round = 0; round < kMostRounds; ++round) {
        const auto got = read(port, now);
        crowded_ = crowded_ || got > 1;
        if (got < Batch::kSize) break;
    }
}

std::size_t IcePort::read(Port& port, SteadyTime now) {
    const auto got = batch_->receive(port.fd, probe_);
    for (std::size_t i = 0; i < got; ++i) take(i, port.socket, now);
    out_.flush();
    probe_.sent();
    return got;
}

void IcePort::flush() { counters_->packets.store(out_.sent(), std::memory_order_relaxed); }

bool IcePort::crowded() { return std::exchange(crowded_, false); }

void IcePort::tick(SteadyTime now) {
    if (probe_.tick()) probe_.look_at(ports_[probed_++ % ports_.size()]->fd, now);
    for (auto& port : ports_) count(counters_->kernel_drops, new_kernel_drops(*port));
}

void IcePort::take(std::size_t index, std::uint8_t socket, SteadyTime now) {
    if (!batch_->whole(index)) return count(counters_->oversize);
    const Path from{socket, Address::from(batch_->from[index])};
    if (stun::looks_like_stun(batch_->datagram(index))) return on_stun(index, from, now);
    by_address(index, from, now);
}

void IcePort::by_address(std::size_t index, const Path& from, SteadyTime now) {
    auto* known = addresses_.find(from);
    if (!known) return count(counters_->unproven);
    known->heard = now;
    pass(*known->holder, index, from, now);
}

void IcePort::on_stun(std::size_t index, const Path& from, SteadyTime now) {
    const auto message = stun::Message::parse(batch_->datagram(index));
    if (!message || !message->is_binding()) return count(counters_->unproven);
    switch (message->message_class()) {
        case stun::Class::request:
            return on_check(*message, index, from, now);
        case stun::Class::indication:
            return by_address(index, from, now);
        case stun::Class::success:
        case stun::Class::error:
            return on_answer(*message, index, from, now);
    }
}

void IcePort::on_check(const stun::Message& check, std::size_t index, const Path& from, SteadyTime now) {
    auto* seat = seat_of(check);
    if (!seat) return count(counters_->unknown_user);
    const auto verdict = pass(*seat, index, from, now);
    if (verdict == Drop::none || verdict == Drop::consumed) claim(*seat, from, now);
}

/// Most answer what their own leg has asked; who answers our question shows that it is where it says.
void IcePort::on_answer(const stun::Message& answer, std::size_t index, const Path& from, SteadyTime now) {
    const auto question = questions_.find(answer.transaction_id());
    if (question == questions_.end()) return by_address(index, from, now);
    auto& seat = *question->second;
    if (!(seat.claimed_ == from) || pass(seat, index, from, now) != Drop::consumed) return;
    forget_question(seat);
    settle(seat, from, now);
}

Drop IcePort::pass(IceSeat& seat, std::size_t index, const Path& from, SteadyTime now) {
    auto& stream = seat.stream_;
    const auto& port = *seat.ports_[from.socket];
    auto* taps = stream.taps();
    if (taps) [[unlikely]]
        taps->arrived(port.leg, port.fd, batch_->datagram(index), from.address);
    const auto decision = stream.on_bridged(port, batch_->buffer(index), batch_->size(index), from.address, now);
    if (decision.drop != Drop::none) {
        if (decision.drop != Drop::consumed) stream.count_drop(port.leg, decision.drop);
        return decision.drop;
    }
    const Bytes packet{batch_->data[index].data(), decision.size};
    if (taps) [[unlikely]]
        taps->leaves(decision.leg, decision.fd, packet, decision.to);
    if (decision.link) [[unlikely]] {
        decision.link->send(packet);
        return Drop::none;
    }
    sockaddr_storage to;
    const auto length = decision.to.fill(to);
    const auto mark = batch_->mark(index);
    out_.add(decision.fd, to, length, {}, packet, decision.leg == port.leg ? Mark::without_ecn(mark) : mark);
    return Drop::none;
}

IceSeat* IcePort::seat_of(const stun::Message& check) const {
    const auto name = as_text(check.attribute(stun::Attribute::username).value_or(Bytes{}));
    const auto found = names_.find(name.substr(0, name.find(':')));
    return found == names_.end() ? nullptr : found->second;
}

/// A check under the leg's password has come from there. Where the endpoint of another leg is alive, that is not
/// enough: whoever writes a false source address could take a stranger's packets away. It has to show that it gets what
/// is sent there, too.
void IcePort::claim(IceSeat& seat, const Path& path, SteadyTime now) {
    auto* known = addresses_.find(path);
    if (known && known->holder == &seat) {
        known->heard = now;
        return;
    }
    if (!known || now - known->heard > kAlive) return settle(seat, path, now);
    count(counters_->contested);
    challenge(seat, path);
}

void IcePort::challenge(IceSeat& seat, const Path& path) {
    std::array<std::byte, IceLite::kRoom> room;
    const auto question = seat.ice().ask(path, room);
    if (question.empty()) return;
    forget_question(seat);
    seat.claimed_ = path;
    seat.asked_ = stun::Message::parse(question)->transaction_id();
    questions_.emplace(*seat.asked_, &seat);
    sockaddr_storage to{};
    const auto length = path.address.fill(to);
    ::sendto(seat.ports_[path.socket]->fd, question.data(), question.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&to), length);
}

void IcePort::settle(IceSeat& seat, const Path& path, SteadyTime now) {
    if (auto* known = addresses_.find(path); known && known->holder != &seat) let_go(*known->holder, path);
    if (std::ranges::find(seat.paths_, path) == seat.paths_.end()) {
        if (seat.path_count_ == seat.paths_.size()) make_room(seat);
        seat.paths_[seat.path_count_++] = path;
    }
    addresses_.put(path, seat, now);
}

/// A leg keeps as many addresses as its learner: the one that the learner has given up is given up here.
void IcePort::make_room(IceSeat& seat) {
    const auto& learner = seat.ice().learner();
    auto gone = std::ranges::find_if(seat.paths_, [&](const Path& path) { return !learner.proven(path); });
    if (gone == seat.paths_.end()) gone = seat.paths_.begin();
    const auto path = *gone;
    let_go(seat, path);
    addresses_.erase(path);
}

void IcePort::let_go(IceSeat& seat, const Path& path) {
    const auto mine = std::ranges::find(seat.paths_, path);
    if (mine == seat.paths_.end()) return;
    *mine = seat.paths_[--seat.path_count_];
    seat.paths_[seat.path_count_] = {};
}

void IcePort::forget_question(IceSeat& seat) {
    if (seat.asked_) questions_.erase(*seat.asked_);
    seat.asked_.reset();
}

void IcePort::rename(IceSeat& seat) {
    auto names = std::vector<std::string>{seat.ice().own().ufrag};
    for (const auto& before : seat.ice().own_before()) names.push_back(before.ufrag);
    for (const auto& name : seat.names_)
        if (std::ranges::find(names, name) == names.end()) names_.erase(name);
    seat.names_.clear();
    for (auto& name : names) {
        const auto [place, fresh] = names_.try_emplace(name, &seat);
        if (fresh || place->second == &seat) seat.names_.push_back(std::move(name));
    }
}

/// What a predecessor of the worker had proven.
void IcePort::adopt(IceSeat& seat) {
    const auto now = std::chrono::steady_clock::now();
    const auto& learner = seat.ice().learner();
    for (std::size_t i = 0; i < learner.proven_count(); ++i)
        if (!addresses_.find(learner.proven_at(i))) settle(seat, learner.proven_at(i), now);
}

void IcePort::leave(IceSeat& seat) {
    forget_question(seat);
    for (const auto& name : seat.names_) names_.erase(name);
    for (std::size_t i = 0; i < seat.path_count_; ++i) addresses_.erase(seat.paths_[i]);
}

IceSeat::IceSeat(IcePort& at, Stream& stream, BridgedLeg& leg, std::vector<Port*> ports)
    : at_{at}, stream_{stream}, leg_{leg}, ports_{std::move(ports)} {
    at_.rename(*this);
    at_.adopt(*this);
}

IceSeat::~IceSeat() { at_.leave(*this); }

void IceSeat::renew() { at_.rename(*this); }

IceLite& IceSeat::ice() { return *leg_.ice_of(0); }

void Stream::take_seats(IcePort& at) {
    for (std::size_t leg = 0; leg < 2; ++leg) {
        std::vector<Port*> ports;
        for (auto& port : ports_)
            if (port.leg == leg && port.shared) ports.push_back(&port);
        if (!ports.empty()) seats_[leg] = std::make_unique<IceSeat>(at, *this, *bridged_[leg], std::move(ports));
    }
}

}  // namespace carillon::relay
