/// What the jobs for a stream's sound and for its pictures tell one another, so that ends can play both in step.
/// Spec: RFC 3550 §6.4.1 (the times of sender reports), §6.5.1 (one name for what belongs together).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::relay {

/// Threading: `cname` is constant; the rest is atomic.
struct LipSync {
    /// `of`: what only this worker knows of the stream, so that its successor uses the same names; empty: new ones.
    explicit LipSync(std::string_view of = {});

    std::array<std::string, 2> cname;  ///< by leg: what its end knows the relay's streams by
    /// By the leg that speaks: how long its sound is held before it goes on, in ms; -1: it passes as it is.
    std::array<std::atomic<std::int32_t>, 2> sound_held{-1, -1};
};

/// RFC 7022 §4.2: 96 random bits.
std::string random_cname();

}  // namespace carillon::relay
