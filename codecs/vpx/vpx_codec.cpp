#include "codecs/vpx/vpx_codec.h"

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace carillon::codecs::vpx {
namespace {

constexpr unsigned kMostMilliseconds = 1000;

std::unique_ptr<vpx_codec_ctx, Close> context() { return std::unique_ptr<vpx_codec_ctx, Close>{new vpx_codec_ctx{}}; }

void check(vpx_codec_err_t error, const char* what) {
    if (error != VPX_CODEC_OK) throw std::runtime_error{std::string{what} + ": " + vpx_codec_err_to_string(error)};
}

void copy_plane(const vpx_image_t& image, int plane, unsigned width, unsigned height, std::vector<std::uint8_t>& out) {
    out.resize(std::size_t{width} * height);
    for (unsigned row = 0; row < height; ++row)
        std::copy_n(image.planes[plane] + static_cast<std::ptrdiff_t>(row) * image.stride[plane], width,
                    out.begin() + static_cast<std::ptrdiff_t>(std::size_t{row} * width));
}

Picture from_image(const vpx_image_t& image) {
    Picture out{.width = image.d_w, .height = image.d_h, .y = {}, .u = {}, .v = {}};
    copy_plane(image, VPX_PLANE_Y, out.width, out.height, out.y);
    copy_plane(image, VPX_PLANE_U, out.chroma_width(), out.chroma_height(), out.u);
    copy_plane(image, VPX_PLANE_V, out.chroma_width(), out.chroma_height(), out.v);
    return out;
}

/// libvpx takes pictures by pointers that it does not write through.
vpx_image_t as_image(const Picture& picture) {
    vpx_image_t image{};
    vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture.width, picture.height, 1,
                 const_cast<std::uint8_t*>(picture.y.data()));
    image.planes[VPX_PLANE_U] = const_cast<std::uint8_t*>(picture.u.data());
    image.planes[VPX_PLANE_V] = const_cast<std::uint8_t*>(picture.v.data());
    image.stride[VPX_PLANE_Y] = static_cast<int>(picture.width);
    image.stride[VPX_PLANE_U] = image.stride[VPX_PLANE_V] = static_cast<int>(picture.chroma_width());
    return image;
}

}  // namespace

void Close::operator()(vpx_codec_ctx* context) const {
    vpx_codec_destroy(context);
    delete context;
}

Picture Picture::make(unsigned width, unsigned height) {
    Picture out{.width = width, .height = height, .y = {}, .u = {}, .v = {}};
    out.y.resize(std::size_t{width} * height);
    out.u.assign(std::size_t{out.chroma_width()} * out.chroma_height(), 128);
    out.v = out.u;
    return out;
}

struct Encoder::Settings {
    vpx_codec_enc_cfg_t config{};
};

Encoder::Encoder(Format format, const EncoderOptions& options)
    : context_{context()}, settings_{std::make_shared<Settings>()} {
    auto* interface = format == Format::vp8 ? vpx_codec_vp8_cx() : vpx_codec_vp9_cx();
    auto& config = settings_->config;
    check(vpx_codec_enc_config_default(interface, &config, 0), "libvpx settings");
    config.g_w = options.width;
    config.g_h = options.height;
    config.g_timebase = {1, static_cast<int>(options.frames_per_second)};
    config.g_threads = options.threads;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
    config.rc_end_usage = VPX_CBR;
    config.rc_target_bitrate = std::max(options.bitrate / 1000, 1u);
    config.rc_dropframe_thresh = 0;
    config.rc_buf_sz = kMostMilliseconds;
    config.rc_buf_initial_sz = kMostMilliseconds / 2;
    config.rc_buf_optimal_sz = kMostMilliseconds * 6 / 10;
    config.kf_mode = VPX_KF_DISABLED;  // when somebody asks for one
    check(vpx_codec_enc_init(context_.get(), interface, &config, 0), "libvpx encoder");
    vpx_codec_control(context_.get(), VP8E_SET_CPUUSED, format == Format::vp8 ? -options.speed : options.speed);
}

std::optional<EncodedFrame> Encoder::encode(const Picture& picture, bool key_frame) {
    if (picture.width != settings_->config.g_w || picture.height != settings_->config.g_h) return std::nullopt;
    const auto image = as_image(picture);
    const auto flags = static_cast<vpx_enc_frame_flags_t>(key_frame ? VPX_EFLAG_FORCE_KF : 0);
    if (vpx_codec_encode(context_.get(), &image, frames_++, 1, flags, VPX_DL_REALTIME) != VPX_CODEC_OK)
        return std::nullopt;
    vpx_codec_iter_t at = nullptr;
    while (const auto* packet = vpx_codec_get_cx_data(context_.get(), &at)) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
        const auto* data = static_cast<const std::byte*>(packet->data.frame.buf);
        return EncodedFrame{.data = {data, data + packet->data.frame.sz},
                            .key = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0};
    }
    return std::nullopt;
}

bool Encoder::set_bitrate(unsigned bits_per_second) {
    settings_->config.rc_target_bitrate = std::max(bits_per_second / 1000, 1u);
    return vpx_codec_enc_config_set(context_.get(), &settings_->config) == VPX_CODEC_OK;
}

Decoder::Decoder(Format format) : format_{format}, context_{context()} {
    auto* interface = format == Format::vp8 ? vpx_codec_vp8_dx() : vpx_codec_vp9_dx();
    check(vpx_codec_dec_init(context_.get(), interface, nullptr, 0), "libvpx decoder");
}

/// Key frames tell their size before anything is allocated for them.
bool Decoder::fits(Bytes frame) const {
    vpx_codec_stream_info_t info{};
    info.sz = sizeof info;
    auto* interface = format_ == Format::vp8 ? vpx_codec_vp8_dx() : vpx_codec_vp9_dx();
    const auto error = vpx_codec_peek_stream_info(interface, reinterpret_cast<const std::uint8_t*>(frame.data()),
                                                  static_cast<unsigned>(frame.size()), &info);
    return error != VPX_CODEC_OK || std::uint64_t{info.w} * info.h <= kMostPixels;
}

std::optional<Picture> Decoder::decode(Bytes frame) {
    if (frame.empty() || !fits(frame)) return std::nullopt;
    const auto* data = reinterpret_cast<const std::uint8_t*>(frame.data());
    if (vpx_codec_decode(context_.get(), data, static_cast<unsigned>(frame.size()), nullptr, 0) != VPX_CODEC_OK)
        return std::nullopt;
    vpx_codec_iter_t at = nullptr;
    std::optional<Picture> out;
    while (const auto* image = vpx_codec_get_frame(context_.get(), &at))
        if (image->fmt == VPX_IMG_FMT_I420 && std::uint64_t{image->d_w} * image->d_h <= kMostPixels)
            out = from_image(*image);
    return out;
}

double psnr(const Picture& a, const Picture& b) {
    if (a.width != b.width || a.height != b.height || a.y.empty()) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < a.y.size(); ++i) sum += (a.y[i] - b.y[i]) * (a.y[i] - b.y[i]);
    return sum == 0 ? 100 : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.y.size()) / sum);
}

}  // namespace carillon::codecs::vpx
