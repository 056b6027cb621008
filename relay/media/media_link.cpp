#include "relay/media/media_link.h"

#include <algorithm>
#include <functional>
#include <random>
#include <utility>

#include "media/rtp/feedback.h"
#include "relay/media/audio_receiver.h"
#include "relay/media/media_outlet.h"
#include "relay/media/turn_back.h"

namespace carillon::relay {
namespace {

std::uint32_t random_mask() {
    std::random_device device;
    return device() | 1u;  // never 0
}

void add(std::bitset<128>& types, const api::AudioFormat& format) {
    if (format.codec.empty()) return;
    types.set(format.payload_type & 0x7F);
    if (format.telephone_event) types.set(*format.telephone_event & 0x7F);
    if (format.comfort_noise) types.set(*format.comfort_noise & 0x7F);
}

}  // namespace

MediaLink::MediaLink(const api::Program& program, std::shared_ptr<MediaChannel> sound,
                     std::shared_ptr<MediaChannel> video, MediaOutlet& outlet)
    : kind_{program.kind}, sound_{std::move(sound)}, outlet_{outlet}, mask_{random_mask()} {
    if (kind_ == api::Program::Kind::interlude) splices_ = std::make_unique<std::array<Splice, 2>>();
    set(program, std::move(video));
}

MediaLink::~MediaLink() {
    for (const auto& channel : {sound_.get(), video_.get()})
        if (channel) channel->closed.store(true, std::memory_order_release);
    if (attached_) outlet_.remove(*attached_);
}

void MediaLink::attach(Stream& stream) {
    attached_ = &stream;
    outlet_.add(stream);
}

std::optional<StreamPoint> MediaLink::stands(std::size_t leg, bool pictures) const {
    if (splices_) return pictures ? std::nullopt : (*splices_)[leg].stands();
    const auto& types = pictures ? seen_[leg] : heard_[leg];
    return types.any() ? made_[leg].latest(types) : std::nullopt;
}

void MediaLink::go_on(const Continuation& before) {
    for (std::size_t leg = 0; leg < 2 && splices_; ++leg)
        if (before.sound[leg]) (*splices_)[leg].go_on(*before.sound[leg]);
}

void MediaLink::set_splice(std::size_t leg, const api::Program& program) {
    const auto& format = leg == 0 ? program.a : program.b;
    Splice::Types types;
    for (const auto type : program.sound[leg]) types.set(type & 0x7F);
    auto& splice = (*splices_)[leg];
    splice.set(types, clock_rate_of(format));
    splice.play(program.instead[leg].has_value());
}

void MediaLink::set(const api::Program& program, std::shared_ptr<MediaChannel> video) {
    if (splices_) {
        for (std::size_t leg = 0; leg < 2; ++leg) set_splice(leg, program);
        return;
    }
    if (video) video_ = std::move(video);
    heard_ = seen_ = {};
    returned_.reset();
    add(heard_[0], program.a);
    if (kind_ == api::Program::Kind::transcode) add(heard_[1], program.b);
    if (video_ && program.has_video()) {
        seen_[0].set(program.video_a.payload_type & 0x7F);
        seen_[1].set(program.video_b.payload_type & 0x7F);
    }
    for (const auto type : program.returned) returned_.set(type & 0x7F);
}

/// Reports are made anew where all of a stream is the program's.
MediaLink::Way MediaLink::take_report(std::size_t leg, std::span<std::byte> packet, SteadyTime now,
                                      std::size_t& size) noexcept {
    const bool pictures = seen_[0].any();
    if (pictures) video_->in[leg].push(packet, true, now);
    if (one_legged() || heard_[0].any()) sound_->in[leg].push(packet, true, now);
    if (one_legged()) return returned_.any() && turn_back_rtcp(packet, mask_) ? Way::back : Way::job;
    // What is said about the pictures' loss and rate is the other end's business only where it made them.
    const auto& theirs = passing_[1 - leg];
    const auto passing =
        std::span{theirs}.first(static_cast<std::size_t>(std::ranges::count_if(theirs, std::identity{})));
    if (returned_.none()) {
        size = passing.empty() ? 0 : rtp::only_feedback(packet, passing);
    } else if (pictures) {
        size = rtp::without_feedback(packet, passing);
    }
    return size > 0 ? Way::both : Way::job;
}

void MediaLink::note_passing(std::size_t leg, Bytes packet) noexcept {
    if (packet.size() < 12) return;
    auto& known = passing_[leg];
    const auto ssrc = load_u32(&packet[8]);
    if (ssrc != 0 && ssrc != known[0] && ssrc != known[1]) known = {ssrc, known[0]};
}

/// Nothing is opened: the ends speak to one another, but for what is said in the place of one.
MediaLink::Way MediaLink::pass_spliced(std::size_t leg, std::span<std::byte> packet, bool rtcp,
                                       SteadyTime now) noexcept {
    auto& towards = (*splices_)[1 - leg];
    if (!rtcp) return towards.live(packet, now) ? Way::pass : Way::job;
    towards.report_of_sender(packet, now);
    (*splices_)[leg].report_of_listener(packet);
    return Way::pass;
}

MediaLink::Way MediaLink::take(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now,
                               std::size_t& size) noexcept {
    if (splices_) return pass_spliced(leg, packet, rtcp, now);
    const bool endpoint = one_legged();
    if (!endpoint && heard_[0].none() && seen_[0].none()) return Way::pass;  // it waits to be needed
    if (seen_[0].none() && sound_->ended.load(std::memory_order_acquire)) return endpoint ? Way::drop : Way::pass;
    if (rtcp) return take_report(leg, packet, now, size);
    if (packet.size() < 2) return Way::drop;
    const auto type = std::to_integer<std::size_t>(packet[1]) & 0x7F;
    if (seen_[leg].test(type)) return video_->in[leg].push(packet, false, now) ? Way::job : Way::drop;
    if (heard_[leg].test(type)) return sound_->in[leg].push(packet, false, now) ? Way::job : Way::drop;
    if (!endpoint) {
        if (seen_[leg].any() && !returned_.test(type)) note_passing(leg, packet);
        return Way::pass;
    }
    return returned_.test(type) && turn_back_rtp(packet, mask_) ? Way::back : Way::drop;
}

}  // namespace carillon::relay
