#include "relay/engine/stream.h"

#include <algorithm>

#include "media/rtp/packet.h"
#include "relay/engine/call_quality.h"
#include "relay/icetcp/ice_tcp_seat.h"

namespace carillon::relay {
namespace {

constexpr unsigned kProbation = 3;  // 60 ms of voice: a stranger must hit the port with a stream, not a packet

bool is_dtls(Bytes datagram) {  // RFC 7983 §7
    const auto first = std::to_integer<unsigned>(datagram[0]);
    return first >= 20 && first <= 63;
}

std::vector<IceCredentials> credentials_of(const api::LegSetup& setup) {
    std::vector<IceCredentials> all;
    for (const auto& one : setup.ice) all.push_back({one.ufrag, one.pwd});
    return all;
}

std::chrono::nanoseconds since(SteadyTime then, SteadyTime now) { return now - then; }

}  // namespace

Stream::Stream(std::string session, const api::StreamSetup& setup, Ports ports, SteadyTime now,
               std::shared_ptr<const dtls::Identity> identity)
    : session_{std::move(session)}, id_{setup.stream}, mode_{setup.mode} {
    begun_ = opened_ = reported = now;
    if (mode_ == api::Mode::ice) held_ = std::make_unique<HeldChecks>();
    if (mode_ == api::Mode::bridge && setup.tell_rtcp) notes_ = std::make_unique<RtcpNotes>();
    if (setup.expire.count() > 0) expires_ = now + setup.expire;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        for (auto& bound : ports[leg]) {
            Component component;
            component.shared = bound.shared;
            for (auto& socket : bound.sockets) {
                sockaddr_storage local{};
                socklen_t length = sizeof local;
                ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&local), &length);
                component.v6.push_back(local.ss_family == AF_INET6);
                component.sockets.push_back(std::move(socket));
            }
            if (mode_ == api::Mode::ice) {
                component.learner = IceLearner{};
            } else {
                component.learner = PlainLearner{mode_ == api::Mode::open ? 1u : kProbation};
            }
            legs_[leg].components.push_back(std::move(component));
        }
        for (std::size_t c = 0; c < legs_[leg].components.size(); ++c) {
            for (std::size_t s = 0; s < legs_[leg].components[c].sockets.size(); ++s) {
                ports_.push_back({this, legs_[leg].components[c].sockets[s].fd(), static_cast<std::uint8_t>(leg),
                                  static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(s)});
                ports_.back().shared = legs_[leg].components[c].shared;
            }
        }
    }
    if (mode_ == api::Mode::bridge) {
        make_bridged(0, setup.a, identity);
        make_bridged(1, setup.b, identity);
    }
    update(0, setup.a, now);
    update(1, setup.b, now);
}

void Stream::update(std::size_t leg, const api::LegSetup& setup, SteadyTime now) {
    auto& target = legs_[leg];
    target.ice = credentials_of(setup);
    target.signalled = now;
    due_ = held_ != nullptr;
    if (flows_) flows_->take_back();
    if (bridged_[leg]) bridged_[leg]->update(setup);
    if (seats_[leg]) seats_[leg]->renew();
    renew_tcp_names();
    if (record_) save_leg(leg, &setup);
    for (const auto& remote : setup.remotes) {
        const std::size_t index = remote.component - 1;
        const auto address = Address::parse(remote.ip, remote.port);
        if (!address || index >= target.components.size()) continue;
        auto& component = target.components[index];
        auto* plain = std::get_if<PlainLearner>(&component.learner);
        const auto socket = std::ranges::find(component.v6, address->v6);
        if (!plain || socket == component.v6.end()) continue;
        plain->signalled({static_cast<std::uint8_t>(socket - component.v6.begin()), *address});
    }
}

Decision Stream::on_datagram(const Port& port, Bytes datagram, const Address& from, SteadyTime now) noexcept {
    if (!flows_) return decide(port, datagram, from, now);
    before_datagram(now);
    const auto decision = decide(port, datagram, from, now);
    after_datagram(port, rtp::looks_like_rtp_or_rtcp(datagram) && !rtp::is_rtcp(datagram), from, decision, now);
    return decision;
}

Decision Stream::decide(const Port& port, Bytes datagram, const Address& from, SteadyTime now) noexcept {
    auto& near = legs_[port.leg];
    auto& far = legs_[1 - port.leg];
    const Path source{port.socket, from};
    Path to;
    const Drop drop = mode_ == api::Mode::ice ? pass_ice(near, far, port.component, datagram, source, to, now)
                                              : pass_plain(near, far, port.component, datagram, source, to);
    save_after(port);
    if (drop != Drop::none) return {.drop = drop, .to = {}};
    if (!stun::looks_like_stun(datagram)) {
        near.statistics.on_media(datagram, now, mode_ == api::Mode::plain);
        if (rtp::looks_like_rtp_or_rtcp(datagram) && rtp::is_rtcp(datagram))
            near.statistics.on_rtcp(datagram, now, far.statistics);
    } else {
        ++near.statistics.stun;
    }
    if (to.empty()) return {.drop = Drop::no_far_side, .to = {}};
    return towards(1 - port.leg, port.component, to);
}

Drop Stream::pass_ice(Leg& near, Leg& far, std::size_t component, Bytes datagram, const Path& from, Path& to,
                      SteadyTime now) {
    auto& learner = std::get<IceLearner>(near.components[component].learner);
    auto& beyond = std::get<IceLearner>(far.components[component].learner);
    if (!stun::looks_like_stun(datagram)) {
        if (!learner.on_other(from, now)) return Drop::unproven;
        const bool media = !datagram.empty() && (is_dtls(datagram) || rtp::looks_like_rtp_or_rtcp(datagram));
        if (!media) return Drop::not_media;
        to = beyond.in_use();
        return Drop::none;
    }
    const auto message = stun::Message::parse(datagram);
    if (!message || !message->is_binding()) return Drop::bad_check;
    switch (message->message_class()) {
        case stun::Class::request: {
            const auto hold = [&] {
                held_->keep(static_cast<std::size_t>(&near - legs_.data()), component, from.socket, datagram,
                            from.address);
            };
            const bool first = learner.in_use().empty();
            const Drop verdict = learner.on_check(*message, from, near.ice, far.ice, now);
            if (verdict != Drop::none) {
                if (near.ice.empty() || far.ice.empty()) hold();  // nobody could have proved anything yet
                return verdict;
            }
            if (first) due_ = true;
            learner.remember(message->transaction_id(), from);
            to = beyond.in_use();
            if (to.empty()) hold();
            return Drop::none;
        }
        case stun::Class::indication:
            if (!learner.on_other(from, now)) return Drop::unproven;
            to = beyond.in_use();
            return Drop::none;
        case stun::Class::success:
        case stun::Class::error: {
            // The answer to a check that we passed on: back to where that check came from.
            if (!learner.on_other(from, now)) return Drop::unproven;
            const auto asker = beyond.source_of(message->transaction_id());
            if (!asker) return Drop::no_request;
            to = *asker;
            return Drop::none;
        }
    }
    return Drop::bad_check;
}

Drop Stream::pass_plain(Leg& near, Leg& far, std::size_t component, Bytes datagram, const Path& from, Path& to) {
    if (!rtp::looks_like_rtp_or_rtcp(datagram)) return Drop::not_media;
    auto& learner = std::get<PlainLearner>(near.components[component].learner);
    if (const Drop verdict = learner.on_media(datagram, from); verdict != Drop::none) return verdict;
    to = std::get<PlainLearner>(far.components[component].learner).target();
    return Drop::none;
}

const Port* Stream::port_of(std::size_t leg, std::size_t component, std::size_t socket) const {
    if (socket >= Path::kFirstLink) {  // it may have ended
        const auto* link = legs_[leg].components[component].links[socket - Path::kFirstLink];
        return link ? &link->place() : nullptr;
    }
    const auto found = std::ranges::find_if(ports_, [&](const Port& port) {
        return port.leg == leg && port.component == component && port.socket == socket;
    });
    return &*found;  // held checks name ports of this stream only
}

void Stream::attach(std::shared_ptr<Tap> tap, std::uint8_t index) {
    if (!taps_) {
        std::vector<StreamTaps::Place> places;
        for (const auto& port : ports_) {
            sockaddr_storage local{};
            socklen_t length = sizeof local;
            ::getsockname(port.fd, reinterpret_cast<sockaddr*>(&local), &length);
            places.push_back({port.fd, port.leg, Address::from(local)});
        }
        taps_ = std::make_unique<StreamTaps>(std::move(places), mode_ == api::Mode::bridge);
    }
    taps_->add(std::move(tap), index);
    allow_kernel();
}

void Stream::detach(const Tap& tap) {
    if (!taps_ || !taps_->remove(tap)) return;
    taps_.reset();
    allow_kernel();
}

std::chrono::nanoseconds Stream::silence(std::size_t leg, SteadyTime now) const {
    // Where no end is, the other one's silence is all there is.
    const auto& end = legs_[one_legged() ? 0 : leg];
    return since(std::max({end.statistics.last_media, end.signalled, begun_}), now);
}

api::StreamCounters Stream::counters(SteadyTime now) const {
    const auto count = [&](std::size_t index) {
        const auto& leg = legs_[index];
        const bool absent = one_legged() && index == 1;
        const auto& held = absent ? media_->made(0) : leg.statistics;
        const auto& before = before_[index];
        api::LegCounters out{.packets = held.packets,
                             .bytes = held.bytes,
                             .expected = held.expected() + before.expected,
                             .lost = held.lost() + before.lost,
                             .late = held.late() + before.late,
                             .duplicates = held.duplicates() + before.duplicates,
                             .stun = held.stun,
                             .jitter_ms = held.jitter_ms(),
                             .round_trip_ms = held.round_trip_ms};
        out.quality = quality_of(held, legs_[1 - index].statistics, now);
        const auto quiet = since(std::max(legs_[absent ? 0 : index].statistics.last_media, begun_), now);
        out.silent_ms =
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(quiet).count());
        for (std::size_t reason = 1; reason < held.drops.size(); ++reason) {
            if (held.drops[reason] > 0) out.drops.emplace(to_string(static_cast<Drop>(reason)), held.drops[reason]);
        }
        if (absent) return out;
        const auto& learner = leg.components.front().learner;
        const auto* ice = std::get_if<IceLearner>(&learner);
        const auto* bridged = bridged_[index].get();
        out.learned = bridged && bridged->ice() ? bridged->in_use(0).address.str()
                      : ice                     ? ice->in_use().address.str()
                                                : std::get<PlainLearner>(learner).learned().address.str();
        return out;
    };
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(since(opened_, now));
    return {.session = session_,
            .stream = id_,
            .a = count(0),
            .b = count(1),
            .mode = mode_,
            .ports = {},
            .age_ms = static_cast<std::uint64_t>(age.count())};
}

}  // namespace carillon::relay
