/// The measure itself: what it says of distortions that are known.
#include "tests/codecs/opus/opus_score.h"

#include <gtest/gtest.h>

#include <random>

namespace carillon::codecs::test {
namespace {

using Sound = std::vector<std::int16_t>;

Sound music(std::size_t samples = 12'000) {
    Sound out(samples);
    std::mt19937 random{1};
    for (std::size_t i = 0; i < samples; ++i) {
        const double t = static_cast<double>(i) / 48'000;
        double sum = 0;
        for (int k = 1; k < 30; ++k) sum += std::sin(2 * M_PI * 220 * k * t + k) / k;
        out[i] = static_cast<std::int16_t>(4000 * sum + static_cast<double>(random() % 1000) - 500);
    }
    return out;
}

Sound with_noise(Sound sound, double amplitude) {
    std::mt19937 random{7};
    for (auto& sample : sound)
        sample = static_cast<std::int16_t>(
            std::clamp(sample + amplitude * (static_cast<double>(random()) / 2147483648.0 - 1), -32768.0, 32767.0));
    return sound;
}

TEST(OpusScore, OfTheSameIsAHundred) { EXPECT_DOUBLE_EQ(OpusScore::of(music(), music()), 100); }

TEST(OpusScore, FallsWithNoiseAndASampleOffByOneIsNearlyNothing) {
    const auto sound = music();
    EXPECT_GT(OpusScore::of(sound, with_noise(sound, 1)), 99);
    double before = 100;
    for (const double amplitude : {30.0, 300.0, 3000.0}) {
        const auto score = OpusScore::of(sound, with_noise(sound, amplitude));
        EXPECT_LT(score, before) << amplitude;
        before = score;
    }
    EXPECT_LT(before, 0);
}

TEST(OpusScore, WhatADecoderMustNotDoFails) {
    const auto sound = music();
    EXPECT_LT(OpusScore::of(sound, Sound(sound.size(), 0)), 0) << "silence";
    Sound half = sound;
    for (auto& sample : half) sample = static_cast<std::int16_t>(sample / 2);
    EXPECT_LT(OpusScore::of(sound, half), 50) << "6 dB too quiet";
    Sound narrow = sound;  // a crude low pass: everything above some 8 kHz is gone
    for (std::size_t i = 3; i < narrow.size(); ++i)
        narrow[i] = static_cast<std::int16_t>((sound[i] + sound[i - 1] + sound[i - 2] + sound[i - 3]) / 4);
    EXPECT_LT(OpusScore::of(sound, narrow), 50);
    Sound lost = sound;  // one frame of 20 ms
    std::fill(lost.begin() + 4000, lost.begin() + 4960, std::int16_t{0});
    EXPECT_LT(OpusScore::of(sound, lost), 0);
}

TEST(OpusScore, TooLittleIsNoScore) { EXPECT_LT(OpusScore::of(music(479), music(479)), -1000); }

}  // namespace
}  // namespace carillon::codecs::test
