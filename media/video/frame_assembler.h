/// Whole video frames out of RTP packets that come late, doubled or not at all.
/// Spec: RFC 7741 §4.5.1 (VP8), RFC 9628 §4.1 (VP9), RFC 6184 §5.1 (H.264): a frame is the packets of one time stamp,
/// to the marker. Not here: asking for what is missing (RTX, NACK, PLI): missing() tells whether to.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "media/rtp/packet.h"

namespace carillon::video {

enum class VideoFormat : std::uint8_t { vp8, vp9, h264 };

struct VideoFrame {
    std::vector<std::byte> data;  ///< H.264: with start codes
    std::uint32_t timestamp = 0;
    bool key = false;
    std::uint8_t temporal_layer = 0;
};

/// Threading: one thread at a time. Owns: the packets of some frames at most.
class FrameAssembler {
  public:
    static constexpr std::size_t kMostPackets = 2'048;
    static constexpr std::size_t kMostOctets = std::size_t{4} << 20;
    static constexpr std::size_t kLittlePatience = 3;

    /// `patience`: so many frames may have begun before one that lacks packets is given up; more where lost packets are
    /// sent again.
    explicit FrameAssembler(VideoFormat format, std::size_t patience = kLittlePatience) : format_{format}, patience_{patience} {}

    /// False: no packet of that format.
    bool put(const rtp::Header& header, Bytes payload);
    /// A packet of the stream that is no part of a frame (padding, FEC): its number is not missing.
    void put_filler(rtp::SequenceNumber sequence);
    /// The next frame in order. A frame that lacks packets is given up when a later one is whole.
    std::optional<VideoFrame> take();
    /// Frames given up since the last key frame: what follows cannot be shown until one comes.
    bool missing() const { return missing_; }
    std::uint64_t lost_frames() const { return lost_frames_; }

  private:
    struct Packet {
        std::uint16_t sequence = 0;
        bool starts = false;
        bool marker = false;
        bool key = false;
        std::uint8_t temporal_layer = 0;
        std::vector<std::byte> data;
    };
    struct Pending {
        std::uint32_t timestamp = 0;
        std::vector<Packet> packets;  // by sequence number
        bool whole() const;
        bool key() const { return std::ranges::any_of(packets, &Packet::key); }
    };
    std::optional<Packet> read(const rtp::Header& header, Bytes payload) const;
    Pending& pending(std::uint32_t timestamp);
    void drop_front();
    VideoFrame join(Pending& frame);
    bool follows(std::uint16_t first) const;

    VideoFormat format_;
    std::size_t patience_;
    std::deque<Pending> frames_;  // by time stamp
    std::size_t packets_ = 0, octets_ = 0;
    std::optional<std::uint32_t> taken_;          // time stamp of the last frame taken or given up
    std::optional<std::uint16_t> last_sequence_;  // of the last frame taken
    std::deque<std::uint16_t> fillers_;           // the latest
    bool missing_ = false;
    std::uint64_t lost_frames_ = 0;
};

}  // namespace carillon::video
