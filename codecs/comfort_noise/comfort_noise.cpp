#include "codecs/comfort_noise/comfort_noise.h"

#include <algorithm>
#include <cmath>

namespace carillon::codecs {
namespace {

constexpr double kOverload = 32768;
constexpr unsigned kSilence = 127;
const double kUniformDeviation = 1 / std::sqrt(3.0);  // of a value spread evenly over -1..1

}  // namespace

std::optional<NoiseDescription> NoiseDescription::parse(Bytes payload) {
    if (payload.empty()) return std::nullopt;
    NoiseDescription description;
    description.level = std::to_integer<unsigned>(payload[0]) & 0x7F;
    description.order = std::min(payload.size() - 1, kMaxNoiseOrder);
    for (std::size_t i = 0; i < description.order; ++i) {
        // §3.2: 0..254 stand for -127/128..127/128 around 127; 255 is not used, and would make the filter unstable.
        const int quantised = std::min(std::to_integer<int>(payload[i + 1]), 254) - 127;
        description.k[i] = quantised / 128.0;
    }
    return description;
}

unsigned level_of(Samples frame) {
    if (frame.empty()) return kSilence;
    double energy = 0;
    for (const auto sample : frame) energy += static_cast<double>(sample) * sample;
    const double rms = std::sqrt(energy / static_cast<double>(frame.size())) / kOverload;
    if (rms <= 0) return kSilence;
    return static_cast<unsigned>(std::clamp(-20 * std::log10(rms), 0.0, static_cast<double>(kSilence)) + 0.5);
}

void ComfortNoise::describe(const NoiseDescription& description) {
    description_ = description;
    const double rms = kOverload * std::pow(10.0, -static_cast<double>(description.level) / 20);
    // The all-pole filter amplifies: its power gain is 1 / prod(1 - k^2).
    double residual = 1;
    for (std::size_t i = 0; i < description.order; ++i) residual *= 1 - description.k[i] * description.k[i];
    gain_ = description.level >= kSilence ? 0 : rms * std::sqrt(residual) / kUniformDeviation;
}

double ComfortNoise::white() {
    seed_ = seed_ * 1664525u + 1013904223u;
    return static_cast<double>(static_cast<std::int32_t>(seed_)) / 2147483648.0;
}

void ComfortNoise::make(std::span<std::int16_t> out) {
    for (auto& sample : out) {
        double forward = white() * gain_;
        for (std::size_t i = description_.order; i-- > 0;) {
            forward -= description_.k[i] * lattice_[i];
            lattice_[i + 1] = lattice_[i] + description_.k[i] * forward;
        }
        lattice_[0] = forward;
        sample = static_cast<std::int16_t>(std::clamp(forward, -32768.0, 32767.0));
    }
}

}  // namespace carillon::codecs
