#include "codecs/vpx/vpx_codec.h"

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>
#include <stdexcept>

namespace carillon::codecs::vpx {
namespace {

constexpr unsigned kMostMilliseconds = 1000;

std::unique_ptr<vpx_codec_ctx, Close> context() { return std::unique_ptr<vpx_codec_ctx, Close>{new vpx_codec_ctx{}}; }

void check(vpx_codec_err_t error, const char* what) {
    if (error != VPX_CODEC_OK) throw std::runtime_error{std::string{what} + ": " + vpx_codec_err_to_string(error)};
}

PictureView as_view(const vpx_image_t& image) {
    PictureView out;
    out.width = image.d_w;
    out.height = image.d_h;
    for (const auto plane : {VPX_PLANE_Y, VPX_PLANE_U, VPX_PLANE_V}) {
        out.planes[static_cast<std::size_t>(plane)] = image.planes[plane];
        out.strides[static_cast<std::size_t>(plane)] = image.stride[plane];
    }
    return out;
}

/// libvpx takes pictures by pointers that it does not write through.
vpx_image_t as_image(const PictureView& picture) {
    vpx_image_t image{};
    vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture.width, picture.height, 1,
                 const_cast<std::uint8_t*>(picture.planes[0]));
    for (const auto plane : {VPX_PLANE_Y, VPX_PLANE_U, VPX_PLANE_V}) {
        image.planes[plane] = const_cast<std::uint8_t*>(picture.planes[static_cast<std::size_t>(plane)]);
        image.stride[plane] = static_cast<int>(picture.strides[static_cast<std::size_t>(plane)]);
    }
    return image;
}

}  // namespace

void Close::operator()(vpx_codec_ctx* context) const {
    vpx_codec_destroy(context);
    delete context;
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
    // A key frame that somebody waits for is no larger than some frames' share.
    vpx_codec_control(context_.get(), VP8E_SET_MAX_INTRA_BITRATE_PCT, 600u);
    if (format == Format::vp9) vpx_codec_control(context_.get(), VP9E_SET_AQ_MODE, 3u);  // where much moves
}

std::optional<EncodedFrame> Encoder::encode(const PictureView& picture, bool key_frame) {
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
    const auto shown = view(frame);
    return shown ? std::optional{copy(*shown)} : std::nullopt;
}

std::optional<PictureView> Decoder::view(Bytes frame) {
    if (frame.empty() || !fits(frame)) return std::nullopt;
    const auto* data = reinterpret_cast<const std::uint8_t*>(frame.data());
    if (vpx_codec_decode(context_.get(), data, static_cast<unsigned>(frame.size()), nullptr, 0) != VPX_CODEC_OK)
        return std::nullopt;
    vpx_codec_iter_t at = nullptr;
    std::optional<PictureView> out;
    while (const auto* image = vpx_codec_get_frame(context_.get(), &at))
        if (image->fmt == VPX_IMG_FMT_I420 && std::uint64_t{image->d_w} * image->d_h <= kMostPixels)
            out = as_view(*image);
    return out;
}

}  // namespace carillon::codecs::vpx
