/// Shows each end the other's pictures in its own codec, at its own size and rate.
/// Spec: docs/transcoding.md; RFC 3550 §7 (as two ends: each leg has its own SSRCs and reports).
/// Not here: the sound (transcode_job.h), receiving and sending (video_receiver.h, video_sender.h).
#pragma once
#include <array>
#include <memory>
#include <optional>

#include "relay/media/lip_sync.h"
#include "relay/media/video_receiver.h"
#include "relay/media/video_sender.h"

namespace carillon::relay {

class VideoTranscodeJob final : public MediaJob {
  public:
    VideoTranscodeJob(const api::Program& program, std::shared_ptr<const LipSync> lip, const Continuation& before = {});

    void tick(MediaPort& port, SteadyTime now) override;
    void skip(std::size_t) override {}  // what comes has its own time
    void set(const api::Program& program);

    const VideoSender& sender(std::size_t leg) const { return *senders_[leg]; }

  private:
    void take_reports(std::size_t leg, Bytes packet, SteadyTime arrival);
    void carry(std::size_t from, SteadyTime now);
    void report(std::size_t leg, MediaPort& port, SteadyTime now);
    VideoSender::Moment moment(std::size_t from, SteadyTime now) const;

    std::shared_ptr<const LipSync> lip_;
    Continuation before_;  // of the first senders
    api::VideoFormat a_, b_;
    std::array<std::unique_ptr<VideoReceiver>, 2> receivers_;  // by the leg whose end is seen
    std::array<std::unique_ptr<VideoSender>, 2> senders_;      // by the leg whose end sees
    double allowance_ = 0;                                     // seconds of processor time that may be used
    std::array<SteadyTime, 2> late_since_{};                   // by the leg that speaks
    SteadyTime last_tick_{};
};

}  // namespace carillon::relay
