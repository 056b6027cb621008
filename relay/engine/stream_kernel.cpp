/// Which of a stream's packets the kernel may forward, and what it must know of those that it did.
/// Spec: docs/kernel-path.md.
#include "media/rtp/packet.h"
#include "relay/engine/stream.h"

namespace carillon::relay {
namespace {

// Which address of an ICE endpoint is in use depends on when each was heard last.
constexpr std::chrono::milliseconds kFresh{200};
constexpr std::size_t kRtpHeader = 12;

}  // namespace

void Stream::forward_in_kernel(std::shared_ptr<KernelPath> path) {
    std::vector<StreamFlows::Place> places;
    for (const auto& port : ports_) {
        sockaddr_storage local{};
        socklen_t length = sizeof local;
        ::getsockname(port.fd, reinterpret_cast<sockaddr*>(&local), &length);
        places.push_back({.fd = port.fd,
                          .local = Address::from(local),
                          .near = &legs_[port.leg].statistics,
                          .ends = {bridged_[port.leg].get(), bridged_[1 - port.leg].get()}});
    }
    flows_ = std::make_unique<StreamFlows>(std::move(path), std::move(places));
    allow_kernel();
}

/// Who listens, or speaks himself, must be asked for each packet.
void Stream::allow_kernel() {
    if (flows_) flows_->allow(!taps_ && !media_ && !announcement_);
}

/// The way of media from that port's endpoint: as far as the learners know, and only what they take without a doubt.
std::optional<StreamFlows::Way> Stream::way_of(const Port& port, SteadyTime now) const {
    if (bridged_[port.leg]) return bridged_way_of(port, now);
    const auto path = [](const Learner& learner, bool far) -> const Path& {
        if (const auto* ice = std::get_if<IceLearner>(&learner)) return ice->in_use();
        const auto& plain = std::get<PlainLearner>(learner);
        return far ? plain.target() : plain.learned();
    };
    const auto& from = path(legs_[port.leg].components[port.component].learner, false);
    const auto& beyond = legs_[1 - port.leg].components;
    if (from.empty() || from.over_tcp() || from.socket != port.socket || port.component >= beyond.size())
        return std::nullopt;
    const auto& to = path(beyond[port.component].learner, true);
    if (to.empty() || to.over_tcp()) return std::nullopt;
    return StreamFlows::Way{from.address, beyond[port.component].sockets[to.socket].fd(), to.address};
}

std::optional<StreamFlows::Way> Stream::bridged_way_of(const Port& port, SteadyTime now) const {
    const auto& near = *bridged_[port.leg];
    const auto& far = *bridged_[1 - port.leg];
    if (port.component != 0) return std::nullopt;  // RTCP, where it has a port of its own
    const auto& beyond = legs_[1 - port.leg].components.front();
    const auto& from =
        near.ice() ? near.in_use(0) : std::get<PlainLearner>(legs_[port.leg].components.front().learner).learned();
    const auto& to = far.ice() ? far.in_use(0) : std::get<PlainLearner>(beyond.learner).target();
    if (from.empty() || from.socket != port.socket || to.empty() || to.over_tcp()) return std::nullopt;
    if (far.ice() && !far.consented(0, now)) return std::nullopt;
    return StreamFlows::Way{from.address, beyond.sockets[to.socket].fd(), to.address};
}

void Stream::gather(SteadyTime now) {
    if (!flows_ || !flows_->any()) return;
    flows_->gathered = now;
    flows_->follow_routes();
    for (const auto& port : ports_) {
        const auto index = static_cast<std::size_t>(&port - ports_.data());
        if (flows_->gather(index) == 0) continue;
        const Path heard{port.socket, flows_->way(index)->from};
        auto& learner = legs_[port.leg].components[port.component].learner;
        if (bridged_[port.leg] && bridged_[port.leg]->ice()) {
            bridged_[port.leg]->ice_of(port.component)->on_other(heard, now);
        } else if (auto* ice = std::get_if<IceLearner>(&learner)) {
            ice->on_other(heard, now);
        }
    }
    if (mode_ == api::Mode::bridge) take_back_what_moved(now);  // consent ends without a datagram that says so
}

void Stream::before_datagram(SteadyTime now) {
    if (flows_->any() && now - flows_->gathered > kFresh) gather(now);
}

void Stream::take_back_what_moved(SteadyTime now) {
    for (const auto& each : ports_) {
        const auto index = static_cast<std::size_t>(&each - ports_.data());
        if (const auto* way = flows_->way(index); way && way_of(each, now) != *way) flows_->take_back(index);
    }
}

void Stream::after_datagram(const Port& port, bool media, const Address& from, const Decision& decision,
                            SteadyTime now) {
    if (flows_->any()) take_back_what_moved(now);  // it may have moved an endpoint
    if (decision.drop != Drop::none || !media) return;
    const StreamFlows::Way way{from, decision.fd, decision.to};
    if (way_of(port, now) == way) flows_->passed(static_cast<std::size_t>(&port - ports_.data()), way, now);
}

Decision Stream::on_bridged(const Port& port, std::span<std::byte> buffer, std::size_t size, const Address& from,
                            SteadyTime now) noexcept {
    if (!flows_) return decide_bridged(port, buffer, size, from, now);
    if (port.link) {  // a connection's, of which the kernel knows nothing
        const auto decision = decide_bridged(port, buffer, size, from, now);
        if (flows_->any()) take_back_what_moved(now);
        return decision;
    }
    const Bytes datagram = buffer.first(size);
    const bool media = rtp::looks_like_rtp_or_rtcp(datagram) && !rtp::is_rtcp(datagram) && size >= kRtpHeader;
    const auto index = static_cast<std::size_t>(&port - ports_.data());
    // What the kernel leaves to us of a stream of its own: a leap in its numbers, or a packet too long. Its indices are
    // there; and when it is accepted, here.
    const bool known = media && flows_->any() && flows_->has(index, load_u32(datagram.data() + 8), now) &&
                       flows_->way(index)->from == from;
    if (known) gather(now);
    before_datagram(now);
    const auto decision = decide_bridged(port, buffer, size, from, now);
    if (known && decision.drop == Drop::none) flows_->take_back(index);
    after_datagram(port, media, from, decision, now);
    return decision;
}

}  // namespace carillon::relay
