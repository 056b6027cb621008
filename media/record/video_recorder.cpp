#include "media/record/video_recorder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "media/record/little_endian.h"
#include "media/video/h264_payload.h"

namespace carillon::record {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;
using video::VideoFormat;

constexpr unsigned kSamplesPerMillisecond = 48;
constexpr std::uint64_t kHeldSound = 10 * 48'000;  // samples that may wait for the first picture
constexpr std::size_t kMostFiles = 16;             // of one recording: who changes codecs more often is not followed

const char* codec_id(VideoFormat format) {
    switch (format) {
        case VideoFormat::vp8:
            return "V_VP8";
        case VideoFormat::vp9:
            return "V_VP9";
        case VideoFormat::h264:
            return "V_MPEG4/ISO/AVC";
    }
    return "";
}

/// RFC 7845 §5.1, as Matroska wants it.
std::vector<std::byte> opus_head(unsigned pre_skip) {
    std::vector<std::byte> out;
    const auto magic = as_bytes("OpusHead");
    out.assign(magic.begin(), magic.end());
    out.push_back(std::byte{1});
    out.push_back(std::byte{1});  // mono
    put_le(out, static_cast<std::uint16_t>(pre_skip));
    put_le(out, std::uint32_t{48'000});
    put_le(out, std::uint16_t{0});
    out.push_back(std::byte{0});
    return out;
}

MatroskaWriter::Time rounded(nanoseconds at) { return duration_cast<MatroskaWriter::Time>(at); }

}  // namespace

VideoRecorder::VideoRecorder(VideoRecorderOptions options)
    : options_{std::move(options)},
      track_{
          options_.names,
          [this](VideoFormat format, const video::VideoFrame& picture, nanoseconds at) { frame(format, picture, at); },
          options_.want_key_frame} {
    if (options_.resumed) adopt_files();
}

std::string VideoRecorder::path_of(std::size_t number, const char* ending) const {
    return options_.path + (number > 1 ? "-" + std::to_string(number) : "") + ending;
}

void VideoRecorder::adopt_files() {
    std::error_code ignored;
    while (files_.size() < kMostFiles) {
        auto webm = path_of(files_.size() + 1, ".webm"), mkv = path_of(files_.size() + 1, ".mkv");
        if (std::filesystem::exists(webm, ignored)) {
            files_.push_back(std::move(webm));
        } else if (std::filesystem::exists(mkv, ignored)) {
            files_.push_back(std::move(mkv));
        } else {
            break;
        }
        if (const auto size = std::filesystem::file_size(files_.back(), ignored); !ignored) past_octets_ += size;
    }
}

void VideoRecorder::sound(std::size_t which, Bytes packet, std::uint64_t position, unsigned samples) {
    Sound one{which, position, samples, {packet.begin(), packet.end()}};
    if (file_) return write_sound(one);
    held_.push_back(std::move(one));
    while (held_.front().position + kHeldSound < position) held_.pop_front();
}

void VideoRecorder::write_sound(const Sound& sound) {
    file_->write(sound.which + 1, Time{sound.position / kSamplesPerMillisecond},
                 Time{sound.samples / kSamplesPerMillisecond}, true, sound.packet);
}

void VideoRecorder::frame(VideoFormat format, const video::VideoFrame& frame, nanoseconds at) {
    if (!error_.empty() || !fits(format, frame)) return;
    // Each later than the one before, whatever the time stamps say.
    const auto when = std::max(rounded(at), last_frame_ + Time{1});
    const auto length = last_frame_.count() < 0 ? Time{33} : std::min(when - last_frame_, Time{1000});
    last_frame_ = when;
    ++frames_;
    if (format != VideoFormat::h264) {
        file_->write(0, when, length, frame.key, frame.data);
    } else {
        file_->write(0, when, length, frame.key, video::with_sizes(frame.data));
    }
    look_for_errors();
}

/// Whether there is a file that it can go into; a key frame may begin one.
bool VideoRecorder::fits(VideoFormat format, const video::VideoFrame& frame) {
    auto configuration =
        format == VideoFormat::h264 && frame.key ? video::avc_configuration(frame.data) : std::vector<std::byte>{};
    const bool same = file_ && format_ == format && (configuration.empty() || configuration == configuration_);
    if (same) return true;
    if (!frame.key || files_.size() >= kMostFiles) return false;
    if (format == VideoFormat::h264 && configuration.empty()) return false;
    if (file_) end_file(last_frame_);
    configuration_ = std::move(configuration);
    return open(format, frame.data);
}

bool VideoRecorder::open(VideoFormat format, Bytes frame) {
    const auto size = video::frame_size(format, frame);
    if (!size) return false;
    const bool webm = format != VideoFormat::h264;
    MatroskaOptions options{
        .tracks = {}, .webm = webm, .comments = options_.comments, .most_octets = options_.most_octets};
    options.tracks.push_back({.codec = codec_id(format),
                              .name = options_.side,
                              .width = size->width,
                              .height = size->height,
                              .codec_private = configuration_});
    for (const auto& name : options_.sounds)
        options.tracks.push_back({.codec = "A_OPUS",
                                  .name = name,
                                  .codec_private = opus_head(options_.pre_skip),
                                  .codec_delay = nanoseconds{options_.pre_skip * 1'000'000'000ull / 48'000},
                                  .is_default = &name == &options_.sounds.back()});
    auto made = MatroskaWriter::create(path_of(files_.size() + 1, webm ? ".webm" : ".mkv"), options);
    if (!made) {
        error_ = made.error();
        return false;
    }
    file_.emplace(std::move(*made));
    format_ = format;
    files_.push_back(file_->path());
    for (const auto& sound : held_) write_sound(sound);
    held_.clear();
    return true;
}

void VideoRecorder::end_file(Time end) {
    file_->close(end);
    look_for_errors();
    past_octets_ += file_->size();
    file_.reset();
}

void VideoRecorder::tick(nanoseconds now) {
    if (!file_) return;
    file_->tick(rounded(now));
    look_for_errors();
}

void VideoRecorder::close(nanoseconds now) {
    if (file_) end_file(rounded(now));
}

void VideoRecorder::look_for_errors() {
    if (error_.empty() && file_) error_ = file_->error();
}

}  // namespace carillon::record
