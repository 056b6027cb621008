/// The buckets in which a worker counts how long packets take through it.
/// Spec: docs/relay.md, "Delay inside of the relay".
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace carillon::relay::api {

/// Upper bounds in microseconds; a last bucket has what took longer.
inline constexpr std::array<std::uint32_t, 16> kLatencyBounds{5,   10,   20,   50,   100,   150,   200,   300,
                                                              500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
inline constexpr std::size_t kLatencyBuckets = kLatencyBounds.size() + 1;
using LatencyCounts = std::array<std::uint64_t, kLatencyBuckets>;

/// The quantile `q` of (0, 1) in microseconds, between its bucket's bounds as if all values there were spread evenly;
/// 0: nothing was counted.
inline double latency_quantile(std::span<const std::uint64_t> counts, double q) {
    std::uint64_t all = 0;
    for (const auto count : counts) all += count;
    if (all == 0) return 0;
    double before = 0;
    const double wanted = q * static_cast<double>(all);
    for (std::size_t i = 0; i < kLatencyBounds.size() && i < counts.size(); ++i) {
        const auto here = static_cast<double>(counts[i]);
        if (before + here >= wanted && here > 0) {
            const double low = i == 0 ? 0 : kLatencyBounds[i - 1];
            return low + (kLatencyBounds[i] - low) * (wanted - before) / here;
        }
        before += here;
    }
    return kLatencyBounds.back();
}

}  // namespace carillon::relay::api
