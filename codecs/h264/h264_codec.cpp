#include "codecs/h264/h264_codec.h"

#include <gst/video/video.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "codecs/h264/gst_element.h"

namespace carillon::codecs::h264 {
namespace {

constexpr const char* kStream = "video/x-h264,stream-format=byte-stream,alignment=au";
constexpr GstClockTime kFrame = GST_SECOND / 30;
constexpr int kKeyDistance = 3000;  // frames: key frames come when somebody asks for one

std::string raw_caps(unsigned width, unsigned height, unsigned rate) {
    return "video/x-raw,format=I420,width=" + std::to_string(width) + ",height=" + std::to_string(height) +
           ",framerate=" + std::to_string(rate) + "/1";
}

void copy_rows(const PictureView& from, GstVideoFrame& to) {
    for (unsigned plane = 0; plane < 3; ++plane) {
        const auto width = plane == 0 ? from.width : from.chroma_width();
        const auto height = plane == 0 ? from.height : from.chroma_height();
        auto* out = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&to, plane));
        for (unsigned row = 0; row < height; ++row)
            std::copy_n(from.planes[plane] + static_cast<std::ptrdiff_t>(row) * from.strides[plane], width,
                        out + static_cast<std::ptrdiff_t>(row) * GST_VIDEO_FRAME_PLANE_STRIDE(&to, plane));
    }
}

class GstEncoder final : public VideoEncoder {
  public:
    explicit GstEncoder(const VideoEncoderOptions& options)
        : x264_{has_plugin("x264")},
          line_{x264_ ? "x264" : "openh264", x264_ ? "x264enc" : "openh264enc",
                raw_caps(options.width, options.height, std::max(options.frames_per_second, 1u)),
                std::string{kStream} + ",profile=constrained-baseline",
                [this](GstBuffer* buffer, GstCaps*) { take(buffer); }} {
        if (options.width % 2 != 0 || options.height % 2 != 0) throw std::runtime_error{"H.264 is of even sizes"};
        gst_video_info_set_format(&info_, GST_VIDEO_FORMAT_I420, options.width, options.height);
        x264_ ? set_x264() : set_openh264();
        set_bitrate(options.bitrate);
        line_.start();
    }

    std::optional<EncodedFrame> encode(const PictureView& picture, bool key_frame) override {
        if (failed_ || picture.width != static_cast<unsigned>(info_.width) ||
            picture.height != static_cast<unsigned>(info_.height))
            return std::nullopt;
        if (key_frame && frames_ > 0)
            line_.send_upstream(gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, frames_));
        made_.reset();
        auto* buffer = gst_buffer_new_allocate(nullptr, info_.size, nullptr);
        GstVideoFrame frame;
        if (!buffer || gst_video_frame_map(&frame, &info_, buffer, GST_MAP_WRITE) == FALSE) {
            if (buffer) gst_buffer_unref(buffer);
            return std::nullopt;
        }
        copy_rows(picture, frame);
        gst_video_frame_unmap(&frame);
        GST_BUFFER_PTS(buffer) = frames_ * kFrame;
        GST_BUFFER_DURATION(buffer) = kFrame;
        ++frames_;
        failed_ = !line_.push(buffer);
        return std::move(made_);
    }

    bool set_bitrate(unsigned bits_per_second) override {
        const auto kilobits = std::max(bits_per_second / 1000, 1u);
        if (failed_) return false;
        g_object_set(line_.element(), "bitrate", x264_ ? kilobits : kilobits * 1000, nullptr);
        return true;
    }

  private:
    void set_x264() {
        constexpr int kZeroLatency = 4, kSuperFast = 2;
        g_object_set(line_.element(), "tune", kZeroLatency, "speed-preset", kSuperFast, "threads", 1, "sliced-threads",
                     FALSE, "key-int-max", kKeyDistance, "bframes", 0, "b-adapt", FALSE, "rc-lookahead", 0,
                     "vbv-buf-capacity", 500, "aud", FALSE, nullptr);
    }
    void set_openh264() {
        g_object_set(line_.element(), "gop-size", static_cast<guint>(kKeyDistance), "multi-thread", 1u, nullptr);
        gst_util_set_object_arg(G_OBJECT(line_.element()), "rate-control", "bitrate");
        gst_util_set_object_arg(G_OBJECT(line_.element()), "complexity", "low");
    }
    void take(GstBuffer* buffer) {
        GstMapInfo map;
        if (gst_buffer_map(buffer, &map, GST_MAP_READ) == FALSE) return;
        const auto* data = reinterpret_cast<const std::byte*>(map.data);
        if (!made_) made_.emplace();
        made_->data.insert(made_->data.end(), data, data + map.size);
        made_->key = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT) == FALSE;
        gst_buffer_unmap(buffer, &map);
    }

    bool x264_;
    GstVideoInfo info_{};
    std::optional<EncodedFrame> made_;
    std::uint64_t frames_ = 0;
    bool failed_ = false;
    GstLine line_;
};

class GstDecoder final : public VideoDecoder {
  public:
    ~GstDecoder() override { forget(); }

    std::optional<PictureView> decode(Bytes frame) override {
        if (frame.empty()) return std::nullopt;
        forget();
        if (!line_) begin();
        auto* buffer = gst_buffer_new_memdup(frame.data(), frame.size());
        GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = frames_++ * kFrame;
        // What cannot be decoded may leave a decoder that wants nothing more: another begins anew.
        if (!line_->push(buffer)) line_.reset();
        return shown_ ? std::optional{view()} : std::nullopt;
    }

  private:
    void begin() {
        const bool libav = has_plugin("libav");
        line_.emplace(libav ? "libav" : "openh264", libav ? "avdec_h264" : "openh264dec", kStream,
                      "video/x-raw,format=I420,width=[2,4096],height=[2,4096]",
                      [this](GstBuffer* buffer, GstCaps* caps) { take(buffer, caps); });
        if (libav) g_object_set(line_->element(), "max-threads", 1, "max-errors", -1, nullptr);
        line_->start();
    }
    void forget() {
        if (shown_) gst_video_frame_unmap(&frame_);
        shown_ = false;
    }
    void take(GstBuffer* buffer, GstCaps* caps) {
        GstVideoInfo info;
        if (!caps || gst_video_info_from_caps(&info, caps) == FALSE) return;
        if (std::uint64_t{static_cast<unsigned>(info.width)} * static_cast<unsigned>(info.height) > kMostPixels) return;
        forget();  // of several the last is shown
        shown_ = gst_video_frame_map(&frame_, &info, buffer, GST_MAP_READ) != FALSE;
    }
    PictureView view() const {
        PictureView out;
        out.width = static_cast<unsigned>(GST_VIDEO_FRAME_WIDTH(&frame_));
        out.height = static_cast<unsigned>(GST_VIDEO_FRAME_HEIGHT(&frame_));
        for (unsigned plane = 0; plane < 3; ++plane) {
            out.planes[plane] = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame_, plane));
            out.strides[plane] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame_, plane);
        }
        return out;
    }

    std::optional<GstLine> line_;
    GstVideoFrame frame_{};
    bool shown_ = false;
    std::uint64_t frames_ = 0;
};

}  // namespace

bool is_installed() {
    static const bool there = has_plugin("openh264") || (has_plugin("x264") && has_plugin("libav"));
    return there;
}

std::unique_ptr<VideoEncoder> make_encoder(const VideoEncoderOptions& options) {
    return std::make_unique<GstEncoder>(options);
}

std::unique_ptr<VideoDecoder> make_decoder() { return std::make_unique<GstDecoder>(); }

}  // namespace carillon::codecs::h264
