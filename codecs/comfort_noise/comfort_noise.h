/// Comfort noise: what a sender of G.711 says of its background instead of sending it, and noise made of that.
/// Spec: RFC 3389: one octet of level in -dBov, then reflection coefficients.
/// Not here: when to fall silent (voice activity is the sender's business).
#pragma once
#include <array>
#include <cstdint>

#include "codecs/audio_codec.h"

namespace carillon::codecs {

inline constexpr std::size_t kMaxNoiseOrder = 12;  ///< coefficients used; more are allowed and ignored

struct NoiseDescription {
    unsigned level = 127;                    ///< 0 (overload) to 127 (silence), in -dBov
    std::array<double, kMaxNoiseOrder> k{};  ///< reflection coefficients, each inside (-1, 1)
    std::size_t order = 0;

    /// RFC 3389 §3. An empty payload describes nothing.
    static std::optional<NoiseDescription> parse(Bytes payload);
};

/// The level of a frame as RFC 3389 §3.1 and RFC 6464 §3 count it: 0..127 in -dBov.
unsigned level_of(Samples frame);

/// Noise with the described level and colour. Deterministic: equal calls make equal noise.
/// Threading: one thread at a time.
class ComfortNoise {
  public:
    void describe(const NoiseDescription& description);
    void make(std::span<std::int16_t> out);

  private:
    double white();

    NoiseDescription description_;
    double gain_ = 0;
    std::array<double, kMaxNoiseOrder + 1> lattice_{};
    std::uint32_t seed_ = 0x2545F491;
};

}  // namespace carillon::codecs
