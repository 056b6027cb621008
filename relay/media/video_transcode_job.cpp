#include "relay/media/video_transcode_job.h"

#include <time.h>

#include <algorithm>
#include <utility>

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr double kShare = 0.7;      // of a processor that one job may use for long
constexpr double kReserve = 0.5;    // seconds of it that may be used at once
constexpr milliseconds kLate{120};  // from a frame's last packet
// What lasts no longer (GStreamer begins, the machine was elsewhere) is caught up; beyond, there is too much to do.
constexpr milliseconds kHitch{500};
constexpr double kMore = 1.25;  // a source may send so many times what is made of it
constexpr unsigned kLeastWish = 150'000;

/// Of this thread alone: what others take from it is not this job's doing.
double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double seconds(SteadyTime::duration time) { return std::chrono::duration<double>(time).count(); }

std::uint32_t in_ticks(double time) {
    return static_cast<std::uint32_t>(static_cast<std::int64_t>(time * VideoReceiver::kClock));
}

}  // namespace

VideoTranscodeJob::VideoTranscodeJob(const api::Program& program, std::shared_ptr<const LipSync> lip,
                                     const Continuation& before)
    : lip_{std::move(lip)}, before_{before}, allowance_{kReserve} {
    set(program);
}

void VideoTranscodeJob::set(const api::Program& program) {
    if (program.video_a == a_ && program.video_b == b_) return;
    a_ = program.video_a;
    b_ = program.video_b;
    receivers_ = {};
    senders_ = {};
    if (a_.codec.empty() || b_.codec.empty()) return;
    receivers_ = {std::make_unique<VideoReceiver>(a_, 0), std::make_unique<VideoReceiver>(b_, 1)};
    const auto before = std::exchange(before_, {}).pictures;
    senders_ = {std::make_unique<VideoSender>(a_, 0, before[0]), std::make_unique<VideoSender>(b_, 1, before[1])};
}

void VideoTranscodeJob::tick(MediaPort& port, SteadyTime now) {
    if (last_tick_ != SteadyTime{}) allowance_ = std::min(allowance_ + kShare * seconds(now - last_tick_), kReserve);
    last_tick_ = now;
    const auto before = processor_seconds();
    for (std::size_t leg = 0; leg < 2; ++leg) {
        port.take(leg, [&](Bytes packet, bool rtcp, SteadyTime arrival) {
            if (!receivers_[leg]) return;
            rtcp ? take_reports(leg, packet, arrival) : receivers_[leg]->on_rtp(packet, arrival);
        });
    }
    if (!receivers_[0]) return;
    for (std::size_t leg = 0; leg < 2; ++leg) carry(leg, now);
    for (std::size_t leg = 0; leg < 2; ++leg) {
        const auto made = static_cast<unsigned>(senders_[1 - leg]->bitrate() * kMore);
        receivers_[leg]->ask(port, now, senders_[leg]->ssrc(), std::max(made, kLeastWish));
        senders_[leg]->send(port, now);
        if (senders_[leg]->report_is_due(now)) report(leg, port, now);
    }
    allowance_ -= processor_seconds() - before;
}

void VideoTranscodeJob::take_reports(std::size_t leg, Bytes packet, SteadyTime arrival) {
    rtp::read_feedback(packet, [&](const rtp::Feedback& said) {
        receivers_[leg]->on_said(said, arrival);
        senders_[leg]->on_said(said, arrival);
    });
}

/// Every picture is decoded, for the next one builds on it; where time is short not every one is shown.
void VideoTranscodeJob::carry(std::size_t from, SteadyTime now) {
    auto& receiver = *receivers_[from];
    auto& sender = *senders_[1 - from];
    const auto began = processor_seconds();
    while (const auto shown = receiver.next()) {
        const bool exhausted = processor_seconds() - began > allowance_;
        const bool late = now - shown->arrival > kLate;
        if (!late) late_since_[from] = {};
        if (late && late_since_[from] == SteadyTime{}) late_since_[from] = now;
        if (exhausted || (late && now - late_since_[from] > kHitch)) sender.on_late(now);
        if (exhausted && receiver.waiting() > 0) return receiver.drop_waiting();
        if (exhausted || (late && receiver.waiting() > 0)) continue;
        sender.show(shown->picture, shown->timestamp, receiver.frames_per_second(), now);
    }
    const auto& last = receiver.last();
    if (!last || !sender.key_frame_overdue(now)) return;
    sender.show(last->picture, last->timestamp + in_ticks(seconds(now - last->arrival)), receiver.frames_per_second(),
                now);
}

void VideoTranscodeJob::report(std::size_t leg, MediaPort& port, SteadyTime now) {
    senders_[leg]->report_when_due(now, port, receivers_[leg]->report(now), [&] { return moment(1 - leg, now); });
}

/// The source's own clock where its sound passes and has that clock, too. Where the sound is made anew its times are
/// the relay's, and it is held for a while: what is seen now belongs to what is heard so much later.
VideoSender::Moment VideoTranscodeJob::moment(std::size_t from, SteadyTime now) const {
    const auto& receiver = *receivers_[from];
    const auto& clock = receiver.clock();
    const auto held = lip_ ? lip_->sound_held[from].load(std::memory_order_relaxed) : -1;
    VideoSender::Moment out{.ntp = rtp::ntp_now(), .timestamp = 0, .cname = lip_ ? lip_->cname[1 - from] : "relay"};
    if (held < 0 && !receiver.cname().empty()) out.cname = receiver.cname();
    const double behind = held > 0 ? held / 1000.0 : 0;
    if (clock) {
        const auto passed = seconds(now - clock->arrival);
        if (held < 0) out.ntp = clock->ntp + static_cast<std::uint64_t>(std::max(passed, 0.0) * 4294967296.0);
        out.timestamp = clock->timestamp + in_ticks(passed - behind);
    } else if (const auto& last = receiver.last()) {
        out.timestamp = last->timestamp + in_ticks(seconds(now - last->arrival) - behind);
    }
    return out;
}

}  // namespace carillon::relay
