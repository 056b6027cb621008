/// The pictures of one side of a call: its RTP as whole frames on the recording's time line.
/// Spec: RFC 7741, RFC 9628, RFC 6184 (payloads); RFC 4588 §4 (retransmissions); RFC 2198 and RFC 5109 (RED, FEC: the
/// media in it is read, losses are not made good by it).
/// Not here: files (video_recorder.h), asking for key frames on the wire (relay/tap).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "media/record/rtp_payload.h"
#include "media/video/frame_assembler.h"

namespace carillon::record {

/// Threading: one thread at a time.
class VideoTrack {
  public:
    using Time = std::chrono::nanoseconds;  ///< from the recording's beginning
    using TakeFrame = std::function<void(video::VideoFormat format, const video::VideoFrame& frame, Time at)>;
    /// Nothing can be shown without a key frame of that sender's; told again each second until one comes.
    using WantKeyFrame = std::function<void(std::uint32_t ssrc)>;

    static constexpr std::chrono::seconds kAskAgain{1};
    static constexpr std::chrono::seconds kPatience{3};  ///< then what lacks its predecessor is better than nothing

    VideoTrack(PayloadNames names, TakeFrame take, WantKeyFrame want);

    /// An RTP packet, in the clear. False: it is none of video.
    bool packet(Bytes rtp, Time at);
    std::uint64_t lost_frames() const { return lost_frames_; }

  private:
    enum class Meaning : std::uint8_t { none, vp8, vp9, h264, rtx, red, fec };
    Meaning meaning_of(std::uint8_t payload_type) const;
    void media(Meaning meaning, const rtp::Header& header, Bytes payload, Time at);
    bool begin(Meaning meaning, const rtp::Header& header, Time at);
    void take_frames(Time at);
    void take_frame(const video::VideoFrame& frame, Time at);
    Time place(std::uint32_t timestamp, Time arrival);
    void ask(Time now);

    PayloadNames names_;
    TakeFrame take_;
    WantKeyFrame want_;
    std::optional<video::FrameAssembler> assembler_;
    video::VideoFormat format_ = video::VideoFormat::vp8;
    std::uint32_t ssrc_ = 0;
    Time last_packet_{0};
    bool waits_for_key_ = true;
    Time waits_since_{0};
    std::optional<Time> asked_;
    std::optional<std::uint32_t> anchor_timestamp_;
    Time anchor_{0};
    std::uint64_t lost_frames_ = 0;  // of senders before
};

}  // namespace carillon::record
