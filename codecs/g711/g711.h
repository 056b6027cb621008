/// G.711 companding: one 16-bit sample to one octet and back, mu-law and A-law.
/// Spec: ITU-T G.711 tables 1a to 2b. Samples are the 14-bit (mu) or 13-bit (A) values shifted up to 16 bits.
/// Not here: frames and concealment (g711_codec.h).
#pragma once
#include <bit>
#include <cstdint>

namespace carillon::codecs::g711 {

enum class Law { mu, a };

namespace detail {

inline constexpr int kMuBias = 33 * 4;                // makes every mu-law segment start at a power of two
inline constexpr int kMuClip = 8159 * 4 - 1;          // the highest decision value of table 2a
inline constexpr std::uint8_t kAlternateBits = 0x55;  // G.711 §3: even bits of A-law are inverted on the line

}  // namespace detail

constexpr std::uint8_t encode_mu(std::int16_t sample) {
    const bool negative = sample < 0;
    int magnitude = negative ? -static_cast<int>(sample) : sample;
    if (magnitude > detail::kMuClip) magnitude = detail::kMuClip;
    magnitude += detail::kMuBias;
    const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 8;
    const int step = (magnitude >> (segment + 3)) & 0x0F;
    return static_cast<std::uint8_t>(~((negative ? 0x80 : 0) | (segment << 4) | step));
}

constexpr std::int16_t decode_mu(std::uint8_t code) {
    const int bits = ~code & 0xFF;
    const int segment = (bits >> 4) & 7;
    const int magnitude = ((((bits & 0x0F) << 3) + detail::kMuBias) << segment) - detail::kMuBias;
    return static_cast<std::int16_t>((bits & 0x80) ? -magnitude : magnitude);
}

constexpr std::uint8_t encode_a(std::int16_t sample) {
    const bool positive = sample >= 0;
    // One's complement for negatives: the decision value 0 divides the two halves (table 1a against 1b).
    const int magnitude = positive ? sample : -static_cast<int>(sample) - 1;
    int code = 0;
    if (magnitude < 256) {
        code = magnitude >> 4;
    } else {
        const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 8;
        code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F);
    }
    return static_cast<std::uint8_t>((code | (positive ? 0x80 : 0)) ^ detail::kAlternateBits);
}

constexpr std::int16_t decode_a(std::uint8_t code) {
    const int bits = code ^ detail::kAlternateBits;
    const int segment = (bits >> 4) & 7;
    int magnitude = ((bits & 0x0F) << 4) + 8;  // the middle of the step
    if (segment > 0) magnitude = (magnitude + 0x100) << (segment - 1);
    return static_cast<std::int16_t>((bits & 0x80) ? magnitude : -magnitude);
}

constexpr std::uint8_t encode(Law law, std::int16_t sample) {
    return law == Law::mu ? encode_mu(sample) : encode_a(sample);
}
constexpr std::int16_t decode(Law law, std::uint8_t code) { return law == Law::mu ? decode_mu(code) : decode_a(code); }

}  // namespace carillon::codecs::g711
