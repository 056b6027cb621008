/// What one end is shown: pictures in, packets out, at the end's size and rate, with numbering and reports of the
/// relay's own. Key frames come when the end asks, lost packets again. Spec: RFC 3550 §5.1, §6.4; RFC 4585 §6.2.1,
/// §6.3.1; RFC 5104 §4.3.1; RFC 7741, RFC 9628 (flexible mode), RFC 6184 (packetization-mode 1). Not here: sealing and
/// sending (the shard's), how many bits (video_rate.h), how large (video_size.h).
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codecs/video/video_codec.h"
#include "media/rtp/feedback.h"
#include "media/rtp/rtp_stream.h"
#include "relay/api/program.h"
#include "relay/media/continuation.h"
#include "relay/media/media_job.h"
#include "relay/media/video_rate.h"
#include "relay/media/video_size.h"

namespace carillon::relay {

/// Threading: one thread at a time.
class VideoSender {
  public:
    /// Throws std::runtime_error when there is no such codec. `leg`: whose end it shows pictures to; `before`: where a
    /// predecessor stood.
    VideoSender(const api::VideoFormat& format, std::size_t leg, const std::optional<StreamPoint>& before = {});

    /// `timestamp`: of the picture where it comes from.
    void show(const codecs::PictureView& picture, std::uint32_t timestamp, double frames_per_second, SteadyTime now);
    /// What the end says about what it is shown.
    void on_said(const rtp::Feedback& said, SteadyTime now);
    /// Packets whose time has come.
    void send(MediaPort& port, SteadyTime now);
    /// Somebody waits for a key frame, and no picture comes by itself.
    bool key_frame_overdue(SteadyTime now) const;
    /// The processor has not kept up.
    void on_late(SteadyTime now) { size_.on_late(now); }

    /// When it was at the source, in its numbers.
    struct Moment {
        std::uint64_t ntp = 0;
        std::uint32_t timestamp = 0;
        std::string cname;
    };
    /// Sender and receiver reports, when it is time.
    void report_when_due(SteadyTime now, MediaPort& port, const std::optional<rtp::ReportBlock>& about,
                         const std::function<Moment()>& moment);
    bool report_is_due(SteadyTime now) const { return now >= next_report_; }

    std::uint32_t ssrc() const { return sender_.ssrc(); }
    unsigned bitrate() const { return rate_.target(); }
    VideoSize::Size size() const { return current_; }

  private:
    struct Sent {
        std::uint16_t sequence = 0;
        SteadyTime again{};  // when it may be sent once more
        std::vector<std::byte> packet;
    };
    void set_timestamps(std::uint32_t timestamp, SteadyTime now);
    void prepare(VideoSize::Size size, double frames_per_second);
    void packetize(const codecs::EncodedFrame& frame);
    void ask_key_frame(SteadyTime now);
    void send_again(const rtp::Nack& nack, SteadyTime now);
    void remember(std::vector<std::byte> packet, SteadyTime now);

    api::VideoFormat format_;
    std::size_t leg_;
    codecs::VideoCodec codec_;
    std::unique_ptr<codecs::VideoEncoder> encoder_;
    VideoRate rate_;
    VideoSize size_;
    VideoSize::Size current_{};
    unsigned encoder_rate_ = 0;
    codecs::Picture scaled_;
    rtp::RtpSender sender_;
    std::uint16_t picture_id_;
    std::optional<std::uint32_t> offset_;  // of our timestamps from the source's
    std::uint32_t last_source_ = 0;
    SteadyTime last_shown_{};
    bool key_wanted_ = false;
    SteadyTime key_asked_{}, last_key_{};
    std::optional<std::uint8_t> last_request_;    // of FIR
    std::deque<std::vector<std::byte>> waiting_;  // packets, to be paced
    std::size_t waiting_octets_ = 0;
    std::deque<Sent> history_;
    double allowance_ = 0;  // octets that may go at once
    SteadyTime last_send_{};
    SteadyTime next_report_{};
    unsigned reports_ = 0;
};

}  // namespace carillon::relay
