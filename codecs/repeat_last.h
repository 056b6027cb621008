/// The simplest concealment: the last good frame again, fading out in 60 ms (longer repetition sounds like a robot).
/// Not here: pitch search (G.711 Appendix I).
#pragma once
#include <algorithm>
#include <vector>

#include "codecs/audio_codec.h"

namespace carillon::codecs {

/// Owns: a copy of the last frame.
class RepeatLast {
  public:
    explicit RepeatLast(unsigned sample_rate) : fade_{sample_rate * 60 / 1000} {}

    void remember(Samples good) {
        last_.assign(good.begin(), good.end());
        guessed_ = 0;
    }
    void guess(std::span<std::int16_t> out) {
        for (auto& sample : out) {
            if (last_.empty() || guessed_ >= fade_) {
                sample = 0;
                continue;
            }
            const int original = last_[guessed_ % last_.size()];
            sample = static_cast<std::int16_t>(original * static_cast<int>(fade_ - guessed_) / static_cast<int>(fade_));
            ++guessed_;
        }
    }

  private:
    std::size_t fade_;
    std::size_t guessed_ = 0;  // samples since the last good frame
    std::vector<std::int16_t> last_;
};

}  // namespace carillon::codecs
