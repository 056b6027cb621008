/// Takes a little time out of a sound without a click: where it is nearly periodic, whole periods.
/// Spec: overlap and add at the best alignment (WSOLA, Verhelst and Roelands 1993).
/// Not here: when (media/jitter/delay_keeper.h); longer sound, which concealment makes.
#pragma once
#include <cstdint>
#include <span>

namespace carillon::codecs {

struct Shortened {
    std::size_t removed = 0;  ///< samples; what is left stands at the beginning. 0: nothing was touched
    double alike = 0;         ///< how well the two ends of the cut fit, -1 to 1; 1 in silence
};

/// Removes at most `most` samples from `sound`, provided the ends of the cut are alike by `least` or more. `sound`
/// needs room for the cut and 5 ms behind it.
Shortened shorten(std::span<std::int16_t> sound, std::size_t most, unsigned sample_rate, double least);

}  // namespace carillon::codecs
