/// G.722 at 64 kbit/s: 16 kHz sound, one octet for two samples.
/// Spec: ITU-T G.722; RFC 3551 §4.5.2: the RTP clock runs at 8000 Hz all the same.
/// Not here: the 56 and 48 kbit/s modes, G.722 Appendix III and IV (a lost frame is concealed as in G.711).
#pragma once
#include <array>

#include "codecs/audio_codec.h"
#include "codecs/concealment/pitch_repeat.h"

struct g722_encode_state_s;
struct g722_decode_state_s;

namespace carillon::codecs::g722 {

/// Owns: the library's state. A frame has an even number of samples.
class G722Encoder final : public Encoder {
  public:
    G722Encoder();
    std::size_t encode(Samples frame, std::span<std::byte> out) override;

  private:
    struct Free {
        void operator()(g722_encode_state_s* state) const;
    };
    std::unique_ptr<g722_encode_state_s, Free> state_;
};

/// The library decodes the sub-bands; they are joined here, for its own filter turns round at full scale where the
/// Recommendation has it stop.
/// Owns: the library's state, the filter's and the last frames.
class G722Decoder final : public Decoder {
  public:
    G722Decoder();
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override { last_.guess(out); }

  private:
    struct Free {
        void operator()(g722_decode_state_s* state) const;
    };
    /// A lower and a higher sub-band's sample become two of the sound, in place.
    void join(std::span<std::int16_t, 2> pair);

    static constexpr std::size_t kTaps = 12;  // of each of the two phases
    std::unique_ptr<g722_decode_state_s, Free> state_;
    std::array<int, kTaps> sums_{}, differences_{};  // of the sub-bands, the oldest at at_
    std::size_t at_ = 0;
    PitchRepeat last_{16000};
};

}  // namespace carillon::codecs::g722
