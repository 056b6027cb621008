/// VP8 and VP9 by libvpx, for calls: frames in, frames out, at once.
/// Spec: RFC 6386; VP9 Bitstream Specification. Settings are those of libvpx's real-time mode.
/// Not here: RTP (media/video), colour formats other than I420.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "codecs/video/video_codec.h"
#include "config/base/bytes.h"

struct vpx_codec_ctx;

namespace carillon::codecs::vpx {

enum class Format : std::uint8_t { vp8, vp9 };
using codecs::EncodedFrame;
using codecs::Picture;
using codecs::psnr;

struct Close {
    void operator()(vpx_codec_ctx* context) const;
};

struct EncoderOptions {
    unsigned width = 640, height = 480;
    unsigned bitrate = 500'000;  ///< bits a second
    unsigned frames_per_second = 30;
    int speed = 8;  ///< cpu-used: 0 to 9, the more the cheaper
    unsigned threads = 1;
};

/// Threading: one thread at a time. Owns: libvpx's state; the constructor throws std::runtime_error.
class Encoder {
  public:
    Encoder(Format format, const EncoderOptions& options);
    /// Nothing: the rate control left the frame out, or the picture is of another size.
    std::optional<EncodedFrame> encode(const PictureView& picture, bool key_frame = false);
    /// From the next frame on; false when libvpx does not want it.
    bool set_bitrate(unsigned bits_per_second);

  private:
    struct Settings;
    std::unique_ptr<vpx_codec_ctx, Close> context_;
    std::shared_ptr<Settings> settings_;
    std::int64_t frames_ = 0;
};

/// Threading: one thread at a time. Owns: libvpx's state; the constructor throws std::runtime_error.
class Decoder {
  public:
    explicit Decoder(Format format);
    /// Nothing: not a frame that can be decoded, or one that shows nothing.
    std::optional<Picture> decode(Bytes frame);
    /// The same in libvpx's memory: good until the next call.
    std::optional<PictureView> view(Bytes frame);

  private:
    bool fits(Bytes frame) const;

    Format format_;
    std::unique_ptr<vpx_codec_ctx, Close> context_;
};

}  // namespace carillon::codecs::vpx
