/// The narrow door to every video codec: frames in, pictures out, and the other way round, at once and on the caller's
/// thread.
/// Spec: RFC 6386 (VP8), the VP9 bitstream specification, ITU-T H.264 (Annex B, constrained baseline).
/// Not here: RTP (media/video), which codec to use (who negotiates knows it).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "codecs/video/picture.h"
#include "config/base/bytes.h"

namespace carillon::codecs {

enum class VideoCodec : std::uint8_t { vp8, vp9, h264 };
inline constexpr std::array kVideoCodecs{VideoCodec::vp8, VideoCodec::vp9, VideoCodec::h264};

/// "VP8", "VP9", "H264", as registered with IANA.
std::string_view encoding_name(VideoCodec codec);
/// In any letter case, as SDP and Jingle compare them.
std::optional<VideoCodec> video_codec_named(std::string_view encoding_name);
/// Whether it can be spoken on this machine; costs a look at some file names. H.264 needs GStreamer's plugins.
bool is_installed(VideoCodec codec);

/// Larger pictures are refused: a frame of some octets could ask for gigabytes.
inline constexpr unsigned kMostPixels = 4096 * 2304;

struct VideoEncoderOptions {
    unsigned width = 640, height = 480;
    unsigned bitrate = 500'000;       ///< bits a second
    unsigned frames_per_second = 30;  ///< about
};

struct EncodedFrame {
    std::vector<std::byte> data;  ///< H.264: an octet stream with start codes
    bool key = false;
};

/// Threading: one thread at a time.
class VideoEncoder {
  public:
    virtual ~VideoEncoder() = default;
    /// Nothing: the rate control left the frame out, or the picture is of another size.
    virtual std::optional<EncodedFrame> encode(const PictureView& picture, bool key_frame) = 0;
    /// From the next frame on; false: a new encoder is needed for it.
    virtual bool set_bitrate(unsigned bits_per_second) = 0;
};

/// Threading: one thread at a time.
class VideoDecoder {
  public:
    virtual ~VideoDecoder() = default;
    /// The picture that the frame shows; good until the next call. Nothing: not a frame that can be decoded, or one
    /// that shows nothing.
    virtual std::optional<PictureView> decode(Bytes frame) = 0;
};

/// These throw std::runtime_error when there is no such codec, or it does not want to. H.264 is of even sizes.
std::unique_ptr<VideoEncoder> make_video_encoder(VideoCodec codec, const VideoEncoderOptions& options);
std::unique_ptr<VideoDecoder> make_video_decoder(VideoCodec codec);

}  // namespace carillon::codecs
