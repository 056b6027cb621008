/// Which of a stream's packets the kernel may forward, and what it must know of those that it did.
/// Spec: docs/kernel-path.md.
#include "media/rtp/packet.h"
#include "relay/engine/stream.h"

namespace carillon::relay {
namespace {

// Which address of an ICE endpoint is in use depends on when each was heard last.
constexpr std::chrono::milliseconds kFresh{200};

}  // namespace

void Stream::forward_in_kernel(std::shared_ptr<KernelPath> path) {
    if (mode_ == api::Mode::bridge) return;
    std::vector<StreamFlows::Place> places;
    for (const auto& port : ports_) {
        sockaddr_storage local{};
        socklen_t length = sizeof local;
        ::getsockname(port.fd, reinterpret_cast<sockaddr*>(&local), &length);
        places.push_back({port.fd, Address::from(local), &legs_[port.leg].statistics});
    }
    flows_ = std::make_unique<StreamFlows>(std::move(path), std::move(places));
    flows_->allow(!taps_);
}

/// The way of media from that port's endpoint: as far as the learners know, and only what they take without a doubt.
std::optional<StreamFlows::Way> Stream::way_of(const Port& port) const {
    const auto path = [](const Learner& learner, bool far) -> const Path& {
        if (const auto* ice = std::get_if<IceLearner>(&learner)) return ice->in_use();
        const auto& plain = std::get<PlainLearner>(learner);
        return far ? plain.target() : plain.learned();
    };
    const auto& from = path(legs_[port.leg].components[port.component].learner, false);
    const auto& beyond = legs_[1 - port.leg].components;
    if (from.empty() || from.socket != port.socket || port.component >= beyond.size()) return std::nullopt;
    const auto& to = path(beyond[port.component].learner, true);
    if (to.empty()) return std::nullopt;
    return StreamFlows::Way{from.address, beyond[port.component].sockets[to.socket].fd(), to.address};
}

void Stream::gather(SteadyTime now) {
    if (!flows_ || !flows_->any()) return;
    flows_->gathered = now;
    if (flows_->outdated()) return flows_->take_back();
    for (const auto& port : ports_) {
        const auto index = static_cast<std::size_t>(&port - ports_.data());
        if (flows_->gather(index) == 0) continue;
        auto& learner = legs_[port.leg].components[port.component].learner;
        if (auto* ice = std::get_if<IceLearner>(&learner)) ice->on_other({port.socket, flows_->way(index)->from}, now);
    }
}

void Stream::before_datagram(SteadyTime now) {
    if (flows_->any() && now - flows_->gathered > kFresh) gather(now);
}

void Stream::after_datagram(const Port& port, Bytes datagram, const Address& from, const Decision& decision) {
    if (flows_->any()) {  // it may have moved an endpoint
        for (const auto& each : ports_) {
            const auto index = static_cast<std::size_t>(&each - ports_.data());
            if (const auto* way = flows_->way(index); way && way_of(each) != *way) flows_->take_back(index);
        }
    }
    if (decision.drop != Drop::none || !rtp::looks_like_rtp_or_rtcp(datagram) || rtp::is_rtcp(datagram)) return;
    const StreamFlows::Way way{from, decision.fd, decision.to};
    if (way_of(port) == way) flows_->passed(static_cast<std::size_t>(&port - ports_.data()), way);
}

}  // namespace carillon::relay
