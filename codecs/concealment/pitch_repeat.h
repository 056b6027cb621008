/// What stands in for lost frames of a codec that has no concealment of its own: the last periods of the voice again,
/// joined without a step at both ends.
/// Spec: after ITU-T G.711 Appendix I: pitch search over 5 to 15 ms, one more period each 10 ms, fading from 10 to 60
/// ms. Not here: its delay of 3.75 ms: the join with what comes next is made in what comes next.
#pragma once
#include <vector>

#include "codecs/audio_codec.h"

namespace carillon::codecs {

/// Owns: the last 45 ms. Threading: one thread at a time.
class PitchRepeat {
  public:
    explicit PitchRepeat(unsigned sample_rate) : rate_{sample_rate} {}

    /// A good frame. After a guess its beginning is joined with how the guess would have gone on.
    void remember(std::span<std::int16_t> good);
    void guess(std::span<std::int16_t> out);

  private:
    std::size_t samples(unsigned tenths_of_ms) const { return rate_ * tenths_of_ms / 10'000; }
    void begin();
    std::size_t best_period() const;
    void lengthen();
    std::int16_t next();

    unsigned rate_;
    std::vector<std::int16_t> history_;  // good samples, the newest last
    std::vector<std::int16_t> loop_;     // what is repeated
    std::size_t period_ = 0;             // of the voice; 0: nothing has been guessed since the last good frame
    std::size_t periods_ = 0;            // in loop_
    std::size_t at_ = 0;                 // in loop_
    std::size_t guessed_ = 0;            // samples since the last good frame
};

}  // namespace carillon::codecs
