/// Opus in mono for calls: 20 ms frames, in-band FEC both ways, the library's own concealment. Samples at 48 kHz, or at
/// a lower rate where no more is known or wanted of the sound: that is cheaper, and on the wire it is all the same.
/// Spec: RFC 6716, RFC 7587.
/// Not here: stereo, other frame lengths on the sending side (every length is decoded).
#pragma once
#include "codecs/audio_codec.h"

struct OpusEncoder;
struct OpusDecoder;

namespace carillon::codecs::opus {

/// Owns: the libopus state; the constructor throws std::runtime_error when it cannot be made.
class OpusEncoder final : public Encoder {
  public:
    explicit OpusEncoder(const CodecOptions& options = {});
    std::size_t encode(Samples frame, std::span<std::byte> out) override;
    /// How much of what is sent gets lost, 0 to 1: from a hundredth on packets tell of the one before them as well,
    /// which costs a third more CPU. Before it is told: a twentieth.
    void expect_loss(double share);

  private:
    struct Free {
        void operator()(::OpusEncoder* state) const;
    };
    std::unique_ptr<::OpusEncoder, Free> state_;
    int loss_percent_ = 5;
};

/// Owns: the libopus state; the constructor throws std::runtime_error when it cannot be made.
class OpusDecoder final : public Decoder {
  public:
    explicit OpusDecoder(const CodecOptions& options = {});
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    std::size_t recover(Bytes next, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override;

  private:
    struct Free {
        void operator()(::OpusDecoder* state) const;
    };
    std::unique_ptr<::OpusDecoder, Free> state_;
};

}  // namespace carillon::codecs::opus
