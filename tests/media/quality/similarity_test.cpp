#include "media/quality/similarity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace carillon::quality {
namespace {

constexpr unsigned kRate = 8000;

/// Noise with a changing loudness: like speech, it fits itself at one lag only.
std::vector<std::int16_t> speech_like(std::size_t samples, unsigned seed) {
    std::mt19937 random{seed};
    std::normal_distribution<double> noise{0, 1};
    std::vector<std::int16_t> out(samples);
    double smooth = 0;
    for (std::size_t i = 0; i < samples; ++i) {
        smooth = 0.8 * smooth + noise(random);
        out[i] = static_cast<std::int16_t>(smooth * ((i / 2000) % 2 ? 3000 : 300));
    }
    return out;
}

std::vector<std::int16_t> delayed(const std::vector<std::int16_t>& from, std::size_t samples) {
    std::vector<std::int16_t> out(samples, 0);
    out.insert(out.end(), from.begin(), from.end());
    return out;
}

TEST(Similarity, FindsTheLagOfAnExactCopy) {
    const auto sent = speech_like(24000, 1);
    const auto result = compare(sent, delayed(sent, 1234), kRate);
    EXPECT_NEAR(result.correlation, 1.0, 1e-9);
    EXPECT_NEAR(result.whole, 1.0, 1e-9);
    EXPECT_DOUBLE_EQ(result.lag_seconds, 1234.0 / kRate);
    EXPECT_DOUBLE_EQ(result.overlap_seconds, 3.0);
}

TEST(Similarity, FindsANegativeLagWhenTheBeginningIsMissing) {
    const auto sent = speech_like(24000, 1);
    const std::vector<std::int16_t> received{sent.begin() + 800, sent.end()};
    const auto result = compare(sent, received, kRate);
    EXPECT_DOUBLE_EQ(result.lag_seconds, -0.1);
    EXPECT_NEAR(result.correlation, 1.0, 1e-9);
}

TEST(Similarity, LoudnessDoesNotMatterNoiseDoes) {
    const auto sent = speech_like(24000, 1);
    auto quieter = sent;
    for (auto& sample : quieter) sample = static_cast<std::int16_t>(sample / 4);
    EXPECT_GT(compare(sent, quieter, kRate).correlation, 0.999);
    auto noisy = sent;
    const auto noise = speech_like(24000, 2);
    for (std::size_t i = 0; i < noisy.size(); ++i) noisy[i] = static_cast<std::int16_t>(noisy[i] / 2 + noise[i] / 2);
    EXPECT_NEAR(compare(sent, noisy, kRate).correlation, 0.707, 0.05);
}

TEST(Similarity, AnotherRecordingIsNotAlike) {
    EXPECT_LT(compare(speech_like(24000, 1), speech_like(24000, 2), kRate).whole, 0.1);
    EXPECT_LT(compare(speech_like(24000, 1), speech_like(24000, 2), kRate).correlation, 0.25);
}

TEST(Similarity, SilenceAndNothingAreNotAlike) {
    const auto sent = speech_like(8000, 1);
    EXPECT_DOUBLE_EQ(compare(sent, std::vector<std::int16_t>(8000, 0), kRate).correlation, 0);
    EXPECT_DOUBLE_EQ(compare(sent, {}, kRate).correlation, 0);
}

TEST(Similarity, APlayoutShiftInTheMiddleCostsOnlyItsOwnPiece) {
    const auto sent = speech_like(32000, 3);
    std::vector<std::int16_t> received{sent.begin(), sent.begin() + 16000};
    received.insert(received.end(), 160, 0);  // the jitter buffer waited 20 ms once
    received.insert(received.end(), sent.begin() + 16000, sent.end());
    const auto result = compare(sent, received, kRate);
    EXPECT_GT(result.correlation, 0.99);
    EXPECT_LT(result.whole, 0.8);
}

TEST(Similarity, MissingSpeechCounts) {
    const auto sent = speech_like(32000, 3);
    auto received = sent;
    std::fill(received.begin() + 8000, received.begin() + 24000, std::int16_t{0});
    EXPECT_NEAR(compare(sent, received, kRate).correlation, 0.5, 0.05);
}

}  // namespace
}  // namespace carillon::quality
