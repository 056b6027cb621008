/// A stream whose legs end here: opened on one side, sealed for the other.
#include "relay/engine/stream.h"

#include <algorithm>

#include "media/rtp/feedback.h"

namespace carillon::relay {

void Stream::make_bridged(std::size_t leg, const api::LegSetup& setup,
                          const std::shared_ptr<const dtls::Identity>& identity) {
    auto send = [this, leg](std::size_t component, const Path& to, Bytes datagram) {
        if (to.empty()) return;
        const auto decision = towards(leg, component, to);
        if (decision.drop != Drop::none) return;
        if (taps_) [[unlikely]]
            taps_->leaves(static_cast<std::uint8_t>(leg), decision.fd, datagram, to.address);
        relay::send(decision, datagram);
    };
    bridged_[leg] = std::make_unique<BridgedLeg>(legs_[leg].components.size(), identity, std::move(send));
    bridged_[leg]->update(setup);
}

Decision Stream::decide_bridged(const Port& port, std::span<std::byte> buffer, std::size_t size, const Address& from,
                                SteadyTime now) noexcept {
    auto& near = *bridged_[port.leg];
    auto& leg = legs_[port.leg];
    auto& beyond = legs_[1 - port.leg];
    auto* learner = near.ice() ? nullptr : std::get_if<PlainLearner>(&leg.components[port.component].learner);
    const auto opened = near.open(port.component, buffer, size, {port.socket, from}, learner, now);
    save_after(port);
    if (opened.drop != Drop::none) return {.drop = opened.drop, .to = {}};
    if (opened.answer) {
        ++leg.statistics.stun;
        return {.fd = port.fd, .to = from, .size = opened.size, .leg = port.leg, .link = port.link};
    }
    const auto media = buffer.first(opened.size);
    if (taps_) [[unlikely]]
        taps_->opened(port.leg, port.fd, media, opened.rtcp, from);
    leg.statistics.on_media(media, now, true);
    const bool speaks = media_ && !media_->splice(port.leg);  // the relay itself, and not the other end
    if (opened.rtcp) leg.statistics.on_rtcp(media, now, speaks ? media_->made(port.leg) : beyond.statistics);
    if (opened.rtcp && notes_) notes_->note(port.leg, media, from);
    if (!media_) return leave(1 - port.leg, buffer, opened.size, opened.rtcp, now);
    auto left = opened.size;
    switch (media_->take(port.leg, media, opened.rtcp, now, left)) {
        case MediaLink::Way::job:
            return {.drop = Drop::consumed, .to = {}};
        case MediaLink::Way::drop:
            return {.drop = Drop::not_media, .to = {}};
        case MediaLink::Way::back:
            return leave(port.leg, buffer, opened.size, opened.rtcp, now);
        case MediaLink::Way::pass:
        case MediaLink::Way::both:
            break;
    }
    return leave(1 - port.leg, buffer, left, opened.rtcp, now);
}

Decision Stream::leave(std::size_t leg, std::span<std::byte> buffer, std::size_t size, bool rtcp, SteadyTime now) {
    auto& far = *bridged_[leg];
    auto& beyond = legs_[leg];
    const auto component = far.component_for(rtcp);
    const Path to =
        far.ice() ? far.in_use(component) : std::get<PlainLearner>(beyond.components[component].learner).target();
    // RFC 7675: an endpoint that has stopped its checks has taken its consent back.
    if (to.empty() || (far.ice() && !far.consented(component, now))) return {.drop = Drop::no_far_side, .to = {}};
    auto decision = towards(leg, component, to);
    if (decision.drop != Drop::none) return decision;
    if (announcement_ && !rtcp) [[unlikely]]
        size = announcement_->replace(leg, buffer.first(buffer.size() - srtp::kMaxOverhead), size);
    if (taps_) [[unlikely]]
        taps_->about_to_seal(static_cast<std::uint8_t>(leg), decision.fd, buffer.first(size), rtcp, to.address);
    const auto sealed = far.seal(buffer, size, rtcp);
    if (!sealed) return {.drop = sealed.error(), .to = {}};
    decision.size = *sealed;
    return decision;
}

void Stream::carry(std::unique_ptr<MediaLink> program) {
    media_ = std::move(program);
    allow_kernel();
    for (std::size_t leg = 0; leg < 2; ++leg)
        if (auto* splice = media_->splice(leg))
            if (const auto latest = legs_[1 - leg].statistics.latest(splice->types())) splice->begin(*latest);
}

/// What is not needed at the moment (no way yet, no keys) is nobody's loss.
Decision Stream::leave_made(std::size_t leg, std::span<std::byte> buffer, Bytes packet, bool rtcp, SteadyTime now) {
    std::ranges::copy(packet, buffer.begin());
    if (!media_->fit(leg, buffer.first(packet.size()), rtcp, now)) return {.drop = Drop::consumed, .to = {}};
    const auto decision = leave(leg, buffer, packet.size(), rtcp, now);
    if (decision.drop != Drop::none) return decision;
    auto& made = media_->made(leg);
    made.on_media(packet, now);
    if (rtcp) made.on_rtcp(packet, now, made);  // remembers when a report left
    media_->flows(leg);
    return decision;
}

void Stream::ask_key_frame(std::size_t leg, std::uint32_t ssrc, SteadyTime now) {
    if (!bridged_[leg]) return;
    constexpr std::uint32_t kOther = 0x5A5A'5A5A;  // the sender of the request, itself no media
    const auto request = rtp::picture_loss(ssrc ^ kOther, ssrc);
    std::array<std::byte, request.size() + srtp::kMaxOverhead> buffer{};
    std::ranges::copy(request, buffer.begin());
    const auto decision = leave(leg, buffer, request.size(), true, now);
    if (decision.drop == Drop::none) send(decision, {buffer.data(), decision.size});  // else it is asked again
}

void Stream::tick(SteadyTime now) {
    if (announcement_ && announcement_->tick(now)) announce(nullptr);
    for (auto& leg : bridged_)
        if (leg) leg->tick(now);
    if (!record_) return;
    for (std::size_t leg = 0; leg < 2; ++leg)
        if (bridged_[leg] && bridged_[leg]->keys_changed()) save_leg(leg, nullptr);
    save_counters();
}

}  // namespace carillon::relay
