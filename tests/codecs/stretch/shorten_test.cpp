#include "codecs/stretch/shorten.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numbers>
#include <random>
#include <vector>

namespace carillon::codecs {
namespace {

constexpr unsigned kRate = 8000;
constexpr std::size_t kFrame = kRate / 50;

std::vector<std::int16_t> tone(double hertz, std::size_t samples, double loud = 8000) {
    std::vector<std::int16_t> out(samples);
    for (std::size_t i = 0; i < samples; ++i)
        out[i] =
            static_cast<std::int16_t>(loud * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / kRate));
    return out;
}

int steepest(std::span<const std::int16_t> sound) {
    int most = 0;
    for (std::size_t i = 1; i < sound.size(); ++i) most = std::max(most, std::abs(sound[i] - sound[i - 1]));
    return most;
}

TEST(Shorten, TakesWholePeriodsSoThatNothingIsHeardOfTheCut) {
    for (const double hertz : {110.0, 200.0, 440.0, 1000.0}) {
        auto sound = tone(hertz, 2 * kFrame);
        const auto before = steepest(sound);
        const auto done = shorten(sound, kFrame, kRate, 0.9);
        ASSERT_GT(done.removed, kRate / 400) << hertz;
        ASSERT_LE(done.removed, kFrame) << hertz;
        const double periods = static_cast<double>(done.removed) * hertz / kRate;
        EXPECT_NEAR(periods, std::round(periods), 0.06) << hertz;
        const std::span left{sound.data(), sound.size() - done.removed};
        EXPECT_LE(steepest(left), before * 1.1 + 20) << "no click at " << hertz;
        EXPECT_NEAR(left.back(), tone(hertz, 2 * kFrame).back(), 1) << "the end is untouched";
    }
}

TEST(Shorten, InSilenceAllThatMayGoGoes) {
    std::vector<std::int16_t> sound(2 * kFrame, 3);
    EXPECT_EQ(shorten(sound, kFrame, kRate, 0.9).removed, kFrame);
    EXPECT_EQ(shorten(sound, 50, kRate, 0.9).removed, 50U);
}

TEST(Shorten, LeavesALoudSoundThatDoesNotFitItselfAsItIs) {
    std::mt19937 random{5};
    std::vector<std::int16_t> sound(2 * kFrame);
    for (auto& sample : sound) sample = static_cast<std::int16_t>(random() % 20'000) - 10'000;
    const auto copy = sound;
    const auto done = shorten(sound, kFrame, kRate, 0.95);
    EXPECT_EQ(done.removed, 0U);
    EXPECT_LT(done.alike, 0.95);
    EXPECT_EQ(sound, copy);
    EXPECT_GT(shorten(sound, kFrame, kRate, -1).removed, 0U) << "unless it must";
}

TEST(Shorten, TooLittleSoundIsLeftAlone) {
    for (const std::size_t samples : {0U, 10U, 59U}) {
        std::vector<std::int16_t> sound(samples, 0);
        EXPECT_EQ(shorten(sound, kFrame, kRate, -1).removed, 0U) << samples;
    }
    std::vector<std::int16_t> sound(2 * kFrame, 0);
    EXPECT_EQ(shorten(sound, 10, kRate, -1).removed, 0U) << "less than 2.5 ms is not worth a cut";
}

}  // namespace
}  // namespace carillon::codecs
