/// Changes the sample rate of 16-bit mono audio (speexdsp), without shifting it in time.
/// Not here: channels; mixing.
#pragma once
#include <vector>

#include "codecs/audio_codec.h"

struct SpeexResamplerState_;

namespace carillon::codecs {

/// A stream: call process() with consecutive pieces. Its filter delays the sound by a few milliseconds.
/// Owns: the speexdsp state; the constructor throws std::runtime_error for rates it cannot do.
class Resampler {
  public:
    Resampler(unsigned from_rate, unsigned to_rate);
    std::vector<std::int16_t> process(Samples input);

  private:
    friend std::vector<std::int16_t> resample(Samples, unsigned, unsigned);
    struct Free {
        void operator()(SpeexResamplerState_* state) const;
    };
    std::unique_ptr<SpeexResamplerState_, Free> state_;
    unsigned from_rate_;
    unsigned to_rate_;
};

/// A whole recording at once: sample 0 stays at time 0 and the length is exact.
std::vector<std::int16_t> resample(Samples whole, unsigned from_rate, unsigned to_rate);

}  // namespace carillon::codecs
