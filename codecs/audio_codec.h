/// The narrow door to every audio codec: one Encoder and one Decoder, 16-bit mono samples in and out.
/// Not here: RTP payload numbers and fmtp lines (who negotiates knows them), resampling (resample/).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "config/base/bytes.h"

namespace carillon::codecs {

using Samples = std::span<const std::int16_t>;

enum class AudioCodec { pcmu, pcma, opus, g722, l16 };
inline constexpr std::size_t kAudioCodecs = 5;

/// What a codec is on the wire and in memory.
struct AudioFormat {
    std::string_view encoding_name;  ///< as registered with IANA, upper case for G.711, lower for Opus
    unsigned sample_rate;            ///< of the samples that go in and come out, in Hz
    unsigned clock_rate;             ///< of the RTP timestamps, in Hz
    unsigned channels;               ///< as signalled; samples here are mono all the same (RFC 7587 §4.1)
};

const AudioFormat& format_of(AudioCodec codec);

/// "PCMU", "opus" ... in any letter case, as SDP and Jingle compare them.
std::optional<AudioCodec> codec_named(std::string_view encoding_name);

/// Threading: one thread at a time.
class Encoder {
  public:
    virtual ~Encoder() = default;
    /// Encodes one frame into `out`; answers the bytes written, 0 when the frame or the buffer does not fit.
    virtual std::size_t encode(Samples frame, std::span<std::byte> out) = 0;
};

/// Threading: one thread at a time.
class Decoder {
  public:
    virtual ~Decoder() = default;
    /// Decodes one payload; answers the samples written, 0 when the payload is not of this codec.
    virtual std::size_t decode(Bytes payload, std::span<std::int16_t> out) = 0;
    /// What the packet behind a lost one tells of the lost one (in-band FEC); answers the samples written, 0 when it
    /// tells nothing.
    virtual std::size_t recover(Bytes /*next*/, std::span<std::int16_t> /*out*/) { return 0; }
    /// Fills `out` with a guess for a lost frame. The longer the loss, the quieter the guess.
    virtual void conceal(std::span<std::int16_t> out) = 0;
};

/// For Opus; 0 is the codec's own choice.
struct CodecOptions {
    unsigned sample_rate = 0;  ///< of the samples: 8000, 12000, 16000, 24000 or 48000, whatever is on the wire
    unsigned bitrate = 0;      ///< of the encoder
    int complexity = 0;        ///< of the encoder, 1 to 10
};

std::unique_ptr<Encoder> make_encoder(AudioCodec codec, const CodecOptions& options = {});
std::unique_ptr<Decoder> make_decoder(AudioCodec codec, const CodecOptions& options = {});

}  // namespace carillon::codecs
