#include "media/quality/similarity.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace carillon::quality {
namespace {

using Spectrum = std::vector<std::complex<double>>;

/// In-place radix-2 Fourier transform; the size is a power of two.
void transform(Spectrum& data, bool inverse) {
    const auto size = data.size();
    for (std::size_t i = 1, j = 0; i < size; ++i) {
        auto bit = size >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(data[i], data[j]);
    }
    for (std::size_t length = 2; length <= size; length <<= 1) {
        const double angle = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(length);
        std::vector<std::complex<double>> twiddle(length / 2);
        for (std::size_t k = 0; k < twiddle.size(); ++k) twiddle[k] = std::polar(1.0, angle * static_cast<double>(k));
        for (std::size_t at = 0; at < size; at += length) {
            for (std::size_t k = 0; k < length / 2; ++k) {
                const auto even = data[at + k];
                const auto odd = data[at + k + length / 2] * twiddle[k];
                data[at + k] = even + odd;
                data[at + k + length / 2] = even - odd;
            }
        }
    }
}

/// The lag in samples at which `received` fits `sent` best: the peak of their circular cross-correlation, zero-padded.
std::ptrdiff_t best_lag(std::span<const std::int16_t> sent, std::span<const std::int16_t> received) {
    const auto size = std::bit_ceil(sent.size() + received.size());
    Spectrum a(size), b(size);
    std::ranges::copy(sent, a.begin());
    std::ranges::copy(received, b.begin());
    transform(a, false);
    transform(b, false);
    for (std::size_t i = 0; i < size; ++i) b[i] *= std::conj(a[i]);
    transform(b, true);
    const auto peak = std::ranges::max_element(b, {}, [](const auto& value) { return value.real(); });
    const auto at = peak - b.begin();
    return at < static_cast<std::ptrdiff_t>(received.size()) ? at : at - static_cast<std::ptrdiff_t>(size);
}

struct Sums {
    double cross = 0, sent = 0, received = 0;
    double correlation() const { return sent > 0 && received > 0 ? cross / std::sqrt(sent * received) : 0; }
};

/// Correlates sent[from, from+length) with what lies `lag` later in `received`; outside of it there is silence.
Sums correlate(std::span<const std::int16_t> sent, std::span<const std::int16_t> received, std::ptrdiff_t from,
               std::ptrdiff_t length, std::ptrdiff_t lag) {
    Sums sums;
    for (auto i = from; i < from + length; ++i) {
        const auto at = i + lag;
        const double x = sent[static_cast<std::size_t>(i)];
        const double y =
            at >= 0 && at < static_cast<std::ptrdiff_t>(received.size()) ? received[static_cast<std::size_t>(at)] : 0;
        sums.cross += x * y;
        sums.sent += x * x;
        sums.received += y * y;
    }
    return sums;
}

/// The best correlation of one piece, its lag being free by `drift` around the common one: coarse steps of a piece's
/// own cross-correlation (by transform, so that a wide search stays cheap).
Sums correlate_drifting(std::span<const std::int16_t> sent, std::span<const std::int16_t> received, std::ptrdiff_t from,
                        std::ptrdiff_t length, std::ptrdiff_t lag, std::ptrdiff_t drift) {
    const auto size = static_cast<std::ptrdiff_t>(received.size());
    const auto begin = std::clamp<std::ptrdiff_t>(from + lag - drift, 0, size);
    const auto end = std::clamp<std::ptrdiff_t>(from + lag + length + drift, 0, size);
    auto best = correlate(sent, received, from, length, lag);
    if (begin >= end) return best;
    const auto piece = sent.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(length));
    const auto window = received.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    const auto own = correlate(sent, received, from, length, begin - from + best_lag(piece, window));
    return own.correlation() > best.correlation() ? own : best;
}

}  // namespace

Similarity compare(std::span<const std::int16_t> sent, std::span<const std::int16_t> received, unsigned sample_rate,
                   double drift_seconds) {
    if (sent.empty() || received.empty() || sample_rate == 0) return {};
    const auto lag = best_lag(sent, received);
    const auto first = std::max<std::ptrdiff_t>(0, -lag);
    const auto last =
        std::min(static_cast<std::ptrdiff_t>(sent.size()), static_cast<std::ptrdiff_t>(received.size()) - lag);
    const auto rate = static_cast<double>(sample_rate);
    Similarity result;
    result.lag_seconds = static_cast<double>(lag) / rate;
    result.overlap_seconds = static_cast<double>(std::max<std::ptrdiff_t>(0, last - first)) / rate;
    if (last <= first) return result;
    result.whole = correlate(sent, received, first, last - first, lag).correlation();

    const auto piece = static_cast<std::ptrdiff_t>(rate / 2);
    const auto drift = static_cast<std::ptrdiff_t>(drift_seconds * rate);
    double weighted = 0, weight = 0;
    for (auto from = first; from < last; from += piece) {
        const auto sums = correlate_drifting(sent, received, from, std::min(piece, last - from), lag, drift);
        weighted += sums.correlation() * sums.sent;
        weight += sums.sent;
    }
    result.correlation = weight > 0 ? weighted / weight : 0;
    return result;
}

}  // namespace carillon::quality
