/// G.711 as a codec: any number of samples a frame, one octet each.
/// Spec: ITU-T G.711; RFC 3551 §4.5.14.
/// Not here: concealment (concealment/pitch_repeat.h).
#pragma once
#include "codecs/audio_codec.h"
#include "codecs/g711/g711.h"
#include "codecs/concealment/pitch_repeat.h"

namespace carillon::codecs::g711 {

class G711Encoder final : public Encoder {
  public:
    explicit G711Encoder(Law law) : law_{law} {}
    std::size_t encode(Samples frame, std::span<std::byte> out) override;

  private:
    Law law_;
};

/// Owns: the last good frames, for concealment.
class G711Decoder final : public Decoder {
  public:
    explicit G711Decoder(Law law) : law_{law} {}
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override { last_.guess(out); }

  private:
    Law law_;
    PitchRepeat last_{8000};
};

}  // namespace carillon::codecs::g711
