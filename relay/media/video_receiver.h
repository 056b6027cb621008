/// The pictures of one end: packets in, decoded pictures out, and what is missing asked for.
/// Spec: RFC 3550 §6.4 (reports); RFC 4585 §6.2.1, §6.3.1 (NACK, PLI); RFC 5104 §4.3.1 (FIR); REMB.
/// Not here: putting frames together (media/video), decoding (codecs/video).
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "codecs/video/video_codec.h"
#include "media/rtp/feedback.h"
#include "media/rtp/rtp_stream.h"
#include "media/video/frame_assembler.h"
#include "relay/api/program.h"
#include "relay/media/media_job.h"
#include "relay/media/missing_packets.h"

namespace carillon::relay {

/// Threading: one thread at a time.
class VideoReceiver {
  public:
    static constexpr unsigned kClock = 90'000;

    /// Throws std::runtime_error when there is no such codec. `leg`: whose end it hears.
    VideoReceiver(const api::VideoFormat& format, std::size_t leg);

    void on_rtp(Bytes packet, SteadyTime arrival);
    /// Of the end's reports about what it sends.
    void on_said(const rtp::Feedback& said, SteadyTime arrival);

    struct Shown {
        codecs::PictureView picture;  ///< good until the next call of next()
        std::uint32_t timestamp = 0;
        SteadyTime arrival{};
    };
    /// The next picture that can be decoded.
    std::optional<Shown> next();
    /// Frames that wait to be decoded.
    std::size_t waiting() const { return frames_.size(); }
    /// What waits is not decoded: a key frame is needed afterwards.
    void drop_waiting();
    /// The one that next() has answered last, while it is good.
    const std::optional<Shown>& last() const { return last_; }

    /// Asks the end for what is missing, when it is time; `own` is the SSRC that the end knows the relay by, `wish`
    /// what it need not send more than, in bits a second.
    void ask(MediaPort& port, SteadyTime now, std::uint32_t own, unsigned wish);
    /// About what has come since the last one; nothing before the first packet.
    std::optional<rtp::ReportBlock> report(SteadyTime now);

    double frames_per_second() const { return frames_per_second_; }
    const std::string& cname() const { return cname_; }  ///< empty before it is known
    struct Clock {
        std::uint64_t ntp = 0;
        std::uint32_t timestamp = 0;
        SteadyTime arrival{};
    };
    const std::optional<Clock>& clock() const { return clock_; }  ///< as the end's last report has it
    std::uint64_t decoded() const { return decoded_; }

  private:
    struct Waiting {
        video::VideoFrame frame;
        SteadyTime arrival{};
        bool incomplete = false;  ///< something before it is lost
    };
    bool takes(std::uint32_t ssrc, SteadyTime arrival);
    void begin(std::uint32_t ssrc);
    void gather(SteadyTime arrival);
    bool fits(const video::VideoFrame& frame) const;
    void measure(std::uint32_t timestamp);
    void ask_key_frame(MediaPort& port, SteadyTime now, std::uint32_t own);

    api::VideoFormat format_;
    std::size_t leg_;
    codecs::VideoCodec codec_;
    video::FrameAssembler assembler_;
    std::unique_ptr<codecs::VideoDecoder> decoder_;  // with the first frame: it may have to be loaded
    rtp::RtpReceiver books_{kClock};
    MissingPackets missing_;
    std::deque<Waiting> frames_;
    std::optional<Shown> last_;
    bool broken_ = true;    // nothing can be decoded before a key frame
    unsigned nothing_ = 0;  // frames in a row that showed nothing
    std::optional<std::uint32_t> ssrc_;
    std::uint32_t stranger_ = 0;
    unsigned strange_packets_ = 0;
    SteadyTime last_packet_{};
    SteadyTime next_ask_{}, next_wish_{};
    unsigned asked_ = 0;  // in a row
    std::uint8_t request_ = 0;
    std::optional<std::uint32_t> last_timestamp_;
    double frames_per_second_ = 30;
    std::string cname_;
    std::optional<Clock> clock_;
    std::uint64_t decoded_ = 0;
};

std::optional<codecs::VideoCodec> codec_of(const api::VideoFormat& format);

}  // namespace carillon::relay
