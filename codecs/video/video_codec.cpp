#include "codecs/video/video_codec.h"

#include <algorithm>
#include <cctype>

#include "codecs/h264/h264_codec.h"
#include "codecs/vpx/vpx_codec.h"

namespace carillon::codecs {
namespace {

constexpr std::array<std::string_view, kVideoCodecs.size()> kNames{"VP8", "VP9", "H264"};

class VpxEncoder final : public VideoEncoder {
  public:
    VpxEncoder(vpx::Format format, const VideoEncoderOptions& options)
        : encoder_{format,
                   {.width = options.width,
                    .height = options.height,
                    .bitrate = options.bitrate,
                    .frames_per_second = options.frames_per_second}} {}
    std::optional<EncodedFrame> encode(const PictureView& picture, bool key_frame) override {
        return encoder_.encode(picture, key_frame);
    }
    bool set_bitrate(unsigned bits_per_second) override { return encoder_.set_bitrate(bits_per_second); }

  private:
    vpx::Encoder encoder_;
};

class VpxDecoder final : public VideoDecoder {
  public:
    explicit VpxDecoder(vpx::Format format) : decoder_{format} {}
    std::optional<PictureView> decode(Bytes frame) override { return decoder_.view(frame); }

  private:
    vpx::Decoder decoder_;
};

vpx::Format format_of(VideoCodec codec) { return codec == VideoCodec::vp8 ? vpx::Format::vp8 : vpx::Format::vp9; }

}  // namespace

std::string_view encoding_name(VideoCodec codec) { return kNames[static_cast<std::size_t>(codec)]; }

std::optional<VideoCodec> video_codec_named(std::string_view name) {
    for (const auto codec : kVideoCodecs)
        if (std::ranges::equal(name, encoding_name(codec),
                               [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); }))
            return codec;
    return std::nullopt;
}

bool is_installed(VideoCodec codec) { return codec != VideoCodec::h264 || h264::is_installed(); }

std::unique_ptr<VideoEncoder> make_video_encoder(VideoCodec codec, const VideoEncoderOptions& options) {
    if (codec == VideoCodec::h264) return h264::make_encoder(options);
    return std::make_unique<VpxEncoder>(format_of(codec), options);
}

std::unique_ptr<VideoDecoder> make_video_decoder(VideoCodec codec) {
    if (codec == VideoCodec::h264) return h264::make_decoder();
    return std::make_unique<VpxDecoder>(format_of(codec));
}

}  // namespace carillon::codecs
