/// One side of a call with its pictures: a WebM file (VP8, VP9) or a Matroska file (H.264) that begins with the first
/// key frame, with the sound that the recording's other files have.
/// Spec: WebM Container Guidelines; RFC 9559; the Matroska codec mappings of VP8, VP9, H.264 and Opus.
/// Not here: RTP (video_track.h), the form of the file (matroska_writer.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "media/record/matroska_writer.h"
#include "media/record/video_track.h"
#include "media/video/frame_size.h"

namespace carillon::record {

struct VideoRecorderOptions {
    std::string path;  ///< without ".webm"; a second file (another codec) is "-2.webm"
    std::string side;  ///< for people: caller, callee
    PayloadNames names;
    std::vector<std::string> sounds;  ///< names of the tracks of sound; the last one is what players take
    unsigned pre_skip = 312;          ///< of that Opus, in samples at 48 kHz
    std::vector<std::pair<std::string, std::string>> comments{};
    std::uint64_t most_octets = std::uint64_t{8} << 30;
    VideoTrack::WantKeyFrame want_key_frame{};
    bool resumed = false;  ///< files of these names may be there: what follows goes into the next ones
};

/// Threading: one thread at a time.  Owns: its files.
class VideoRecorder {
  public:
    explicit VideoRecorder(VideoRecorderOptions options);
    VideoRecorder(const VideoRecorder&) = delete;

    /// RTP in the clear. False: it is no video.
    bool packet(Bytes rtp, std::chrono::nanoseconds at) { return track_.packet(rtp, at); }
    /// A packet of Opus for that track, at so many samples at 48 kHz from the beginning.
    void sound(std::size_t which, Bytes packet, std::uint64_t position, unsigned samples);
    void tick(std::chrono::nanoseconds now);
    void close(std::chrono::nanoseconds now);

    const std::vector<std::string>& files() const { return files_; }
    std::uint64_t octets() const { return past_octets_ + (file_ ? file_->size() : 0); }
    const std::string& error() const { return error_; }
    std::uint64_t frames() const { return frames_; }

  private:
    using Time = MatroskaWriter::Time;
    struct Sound {
        std::size_t which = 0;
        std::uint64_t position = 0;
        unsigned samples = 0;
        std::vector<std::byte> packet;
    };
    void frame(video::VideoFormat format, const video::VideoFrame& frame, std::chrono::nanoseconds at);
    bool fits(video::VideoFormat format, const video::VideoFrame& frame);
    bool open(video::VideoFormat format, Bytes frame);
    std::string path_of(std::size_t number, const char* ending) const;
    void adopt_files();
    void end_file(Time end);
    void write_sound(const Sound& sound);
    void look_for_errors();

    VideoRecorderOptions options_;
    VideoTrack track_;
    std::optional<MatroskaWriter> file_;
    video::VideoFormat format_ = video::VideoFormat::vp8;
    std::vector<std::byte> configuration_;  // of H.264
    std::deque<Sound> held_;                // until there is a file
    std::vector<std::string> files_;
    std::uint64_t past_octets_ = 0;
    std::uint64_t frames_ = 0;
    Time last_frame_{-1};
    std::string error_;
};

}  // namespace carillon::record
