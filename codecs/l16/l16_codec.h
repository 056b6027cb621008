/// L16: 16-bit samples as they are, in network order; any number of them a frame.
/// Spec: RFC 3551 §4.5.11.
/// Not here: stereo.
#pragma once
#include "codecs/audio_codec.h"
#include "codecs/concealment/pitch_repeat.h"

namespace carillon::codecs::l16 {

class L16Encoder final : public Encoder {
  public:
    std::size_t encode(Samples frame, std::span<std::byte> out) override;
};

class L16Decoder final : public Decoder {
  public:
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override { last_.guess(out); }

  private:
    PitchRepeat last_{16000};
};

}  // namespace carillon::codecs::l16
