/// How alike a received recording is to the one that was sent, whatever the delay between them.
/// Not here: perceptual models (PESQ, POLQA); this is waveform correlation, meant to prove that the speech arrived.
#pragma once
#include <cstdint>
#include <span>

namespace carillon::quality {

struct Similarity {
    double correlation = 0;  ///< -1 to 1: normalised cross-correlation, by half-second pieces, weighted by their energy
    double whole = 0;        ///< the same over the whole length with one lag, a playout shift counts against it
    double lag_seconds = 0;  ///< the received recording is this much later
    double overlap_seconds = 0;  ///< how much of the sent recording was compared
};

/// Both mono, both at `sample_rate`. The lag is searched over the whole length of both; every piece may then drift by
/// up to `drift_seconds` around it (a jitter buffer that stretched). An empty or silent recording is not alike: 0.
Similarity compare(std::span<const std::int16_t> sent, std::span<const std::int16_t> received, unsigned sample_rate,
                   double drift_seconds = 0.5);

}  // namespace carillon::quality
