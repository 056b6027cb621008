#include "codecs/stretch/shorten.h"

#include <algorithm>
#include <cmath>

namespace carillon::codecs {
namespace {

constexpr unsigned kOverlapPart = 200;   // of a second: 5 ms
constexpr unsigned kShortestPart = 400;  // 2.5 ms: no voice is higher
constexpr double kQuiet = 60;            // RMS: about -55 dBov, where any cut will do

double power(std::span<const std::int16_t> sound) {
    double sum = 0;
    for (const auto sample : sound) sum += static_cast<double>(sample) * sample;
    return sum;
}

double product(std::span<const std::int16_t> a, std::span<const std::int16_t> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

struct Cut {
    std::size_t length = 0;
    double alike = -1;
};

Cut best_cut(std::span<const std::int16_t> sound, std::size_t most, std::size_t overlap, std::size_t shortest) {
    const auto before = sound.first(overlap);
    const double own = power(before);
    Cut best;
    for (std::size_t length = shortest; length <= most; ++length) {
        const auto behind = sound.subspan(length, overlap);
        const double energy = std::sqrt(own * power(behind));
        const double alike = energy > 0 ? product(before, behind) / energy : 0;
        // Of two that fit nearly as well the longer one: less is left to be done.
        if (alike > best.alike - 0.02) best = {length, std::max(alike, best.alike)};
    }
    return best;
}

}  // namespace

Shortened shorten(std::span<std::int16_t> sound, std::size_t most, unsigned sample_rate, double least) {
    const std::size_t overlap = sample_rate / kOverlapPart;
    const std::size_t shortest = sample_rate / kShortestPart;
    if (sound.size() < overlap + shortest) return {};
    most = std::min(most, sound.size() - overlap);
    if (most < shortest) return {};
    const bool quiet = power(sound) < kQuiet * kQuiet * static_cast<double>(sound.size());
    const auto cut = quiet ? Cut{most, 1} : best_cut(sound, most, overlap, shortest);
    if (cut.length == 0 || cut.alike < least) return {.removed = 0, .alike = cut.alike};
    for (std::size_t i = 0; i < overlap; ++i) {
        const auto whole = static_cast<int>(overlap);
        const auto share = static_cast<int>(i);
        const int mixed = (sound[i] * (whole - share) + sound[i + cut.length] * share) / whole;
        sound[i] = static_cast<std::int16_t>(mixed);
    }
    std::ranges::copy(sound.subspan(overlap + cut.length), sound.subspan(overlap).begin());
    return {.removed = cut.length, .alike = cut.alike};
}

}  // namespace carillon::codecs
