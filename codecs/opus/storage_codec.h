/// Opus for files: mono at any of its sample rates, as cheap as wanted. What a recording needs and a call does not. The
/// encoder keeps to CELT, which costs a quarter of SILK.
/// Spec: RFC 6716; the rates are those of §2.1.3.
/// Not here: calls (opus_codec.h).
#pragma once
#include "codecs/audio_codec.h"

struct OpusEncoder;
struct OpusDecoder;

namespace carillon::codecs::opus {

struct StorageOptions {
    unsigned sample_rate = 16'000;  ///< 8000, 12000, 16000, 24000 or 48000 Hz
    int bitrate = 32'000;
    int complexity = 0;  ///< 0 to 10: three times the CPU, and hardly better at this rate
};

/// Owns: the libopus state; the constructor throws std::runtime_error when it cannot be made.
class StorageEncoder final : public Encoder {
  public:
    explicit StorageEncoder(const StorageOptions& options = {});
    /// A frame of 2.5, 5, 10, 20, 40 or 60 ms.
    std::size_t encode(Samples frame, std::span<std::byte> out) override;
    /// What it puts before the sound, in samples at 48 kHz: the pre-skip of RFC 7845 §4.2.
    unsigned look_ahead() const { return look_ahead_; }

  private:
    struct Free {
        void operator()(::OpusEncoder* state) const;
    };
    std::unique_ptr<::OpusEncoder, Free> state_;
    unsigned look_ahead_ = 0;
};

/// Decodes to its own rate, whatever the stream's is.
/// Owns: the libopus state; the constructor throws std::runtime_error when it cannot be made.
class StorageDecoder final : public Decoder {
  public:
    explicit StorageDecoder(unsigned sample_rate = 16'000);
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override;

  private:
    struct Free {
        void operator()(::OpusDecoder* state) const;
    };
    std::unique_ptr<::OpusDecoder, Free> state_;
};

}  // namespace carillon::codecs::opus
