/// G.722 at 64 kbit/s: 16 kHz sound, one octet for two samples.
/// Spec: ITU-T G.722; RFC 3551 §4.5.2: the RTP clock runs at 8000 Hz all the same.
/// Not here: the 56 and 48 kbit/s modes, G.722 Appendix III and IV (a lost frame is the last one again, fading).
#pragma once
#include "codecs/audio_codec.h"
#include "codecs/repeat_last.h"

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

/// Owns: the library's state and the last frame.
class G722Decoder final : public Decoder {
  public:
    G722Decoder();
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override;
    void conceal(std::span<std::int16_t> out) override { last_.guess(out); }

  private:
    struct Free {
        void operator()(g722_decode_state_s* state) const;
    };
    std::unique_ptr<g722_decode_state_s, Free> state_;
    RepeatLast last_{16000};
};

}  // namespace carillon::codecs::g722
