#include "codecs/resample/resampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace carillon::codecs {
namespace {

std::vector<std::int16_t> tone(unsigned rate, std::size_t samples) {
    std::vector<std::int16_t> out(samples);
    for (std::size_t i = 0; i < samples; ++i) {
        out[i] =
            static_cast<std::int16_t>(10000 * std::sin(2 * std::numbers::pi * 500 * static_cast<double>(i) / rate));
    }
    return out;
}

TEST(Resampler, WholeRecordingKeepsTimeAndShape) {
    const auto narrow = tone(8000, 8000);
    const auto wide = resample(narrow, 8000, 48000);
    ASSERT_EQ(wide.size(), 48000U);
    const auto ideal = tone(48000, 48000);
    for (std::size_t i = 4800; i < 43200; ++i) ASSERT_NEAR(wide[i], ideal[i], 150) << i;
}

TEST(Resampler, StreamYieldsAsManySamplesAsTimePasses) {
    Resampler resampler{48000, 8000};
    std::size_t made = 0;
    for (int i = 0; i < 50; ++i) made += resampler.process(tone(48000, 960)).size();
    EXPECT_NEAR(static_cast<double>(made), 8000, 80);
}

TEST(Resampler, RefusesZeroRates) { EXPECT_THROW(Resampler(0, 8000), std::runtime_error); }

}  // namespace
}  // namespace carillon::codecs
