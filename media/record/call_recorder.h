/// A call into files: Ogg/Opus, one for each side, one with both; where a side shows pictures, WebM. Opus and pictures
/// that a side sends are kept as they came.
/// Spec: docs/recording.md; RFC 7845.
/// Not here: where packets come from (relay/tap).
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codecs/opus/storage_codec.h"
#include "media/record/leg_track.h"
#include "media/record/video_recorder.h"

namespace carillon::record {

struct RecorderOptions {
    std::string
        path;  ///< how the files' names begin: "-caller.opus", "-callee.opus", "-mixed.opus", "-caller.webm" follow
    bool legs = true;
    bool mixed = true;
    std::uint64_t file_octets = std::uint64_t{1} << 30;
    std::vector<std::pair<std::string, std::string>> comments{};
    std::array<PayloadNames, 2> names{};  ///< of what the caller and the callee send
    std::array<PayloadNames, 2> video{};  ///< the same of their pictures; empty: they are not recorded
    /// So long ago it was begun by somebody who is gone: it goes on in his files, silence in between.
    std::chrono::nanoseconds resumed{0};
    /// A picture of that side can be shown when its sender sends a key frame.
    std::function<void(std::size_t side, std::uint32_t ssrc)> want_key_frame{};
};

/// Threading: one thread at a time.  Owns: its files.
class CallRecorder {
  public:
    /// How far behind the present sound is encoded: later packets are too late for the mixed file.
    static constexpr std::chrono::milliseconds kBehind{300};

    /// The error is a sentence: a file cannot be made.
    static std::expected<std::unique_ptr<CallRecorder>, std::string> create(const RecorderOptions& options);

    /// RTP in the clear from side 0 (the caller) or 1. Times count from the beginning.
    /// Whether it was sound or pictures.
    bool packet(std::size_t side, Bytes rtp, std::chrono::nanoseconds at);
    /// The same, from a stream of its own that pictures have.
    bool video_packet(std::size_t side, Bytes rtp, std::chrono::nanoseconds at);
    /// Several times a second.
    void tick(std::chrono::nanoseconds now);
    /// Everything up to now; the files are closed.
    void close(std::chrono::nanoseconds now);

    const std::string& error() const { return error_; }  ///< not empty: a file takes nothing more
    std::vector<std::string> files() const;
    std::uint64_t octets() const;
    std::uint64_t packets() const { return packets_; }  ///< that could be heard or seen

  private:
    CallRecorder() = default;
    std::expected<void, std::string> open(const RecorderOptions& options, const char* which,
                                          std::optional<OggOpusWriter>& out);
    void go_on_from(std::chrono::nanoseconds at);
    void add_video(const RecorderOptions& options, std::size_t side);
    void share_sound(const RecorderOptions& options);
    void encode_until(std::uint64_t frame);
    void encode_leg(std::size_t side, const PcmLine::Frame& frame);
    void mix(const PcmLine::Frame& caller, const PcmLine::Frame& callee);
    void encode(std::unique_ptr<codecs::opus::StorageEncoder>& encoder, codecs::Samples frame, OggOpusWriter& file);
    void look_for_errors();

    struct Side {
        std::optional<OggOpusWriter> file;
        PcmLine line;
        std::optional<LegTrack> track;
        std::unique_ptr<codecs::opus::StorageEncoder> encoder;
        std::unique_ptr<VideoRecorder> video;
    };
    std::array<Side, 2> sides_;
    std::optional<OggOpusWriter> mixed_;
    std::unique_ptr<codecs::opus::StorageEncoder> mixer_;
    std::uint64_t packets_ = 0;
    std::string error_;
};

}  // namespace carillon::record
