#include "codecs/comfort_noise/comfort_noise.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace carillon::codecs {
namespace {

std::vector<std::byte> octets(std::initializer_list<unsigned> values) {
    std::vector<std::byte> bytes;
    for (const auto value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

TEST(Rfc3389S3ComfortNoise, LevelIsKept) {
    for (const unsigned level : {20U, 40U, 60U}) {
        ComfortNoise noise;
        noise.describe(*NoiseDescription::parse(octets({level})));
        std::vector<std::int16_t> sound(16000);
        noise.make(sound);
        EXPECT_NEAR(level_of(sound), level, 1);
    }
}

TEST(Rfc3389S3ComfortNoise, LevelIsKeptWithColour) {
    ComfortNoise noise;
    noise.describe(*NoiseDescription::parse(octets({30, 40, 180, 127, 100})));
    std::vector<std::int16_t> sound(32000);
    noise.make(sound);
    EXPECT_NEAR(level_of(sound), 30, 1);
    double product = 0, energy = 0;  // colour: neighbours are alike, or the opposite
    for (std::size_t i = 1; i < sound.size(); ++i) {
        product += static_cast<double>(sound[i]) * sound[i - 1];
        energy += static_cast<double>(sound[i]) * sound[i];
    }
    EXPECT_GT(std::abs(product / energy), 0.3);
}

TEST(Rfc3389S3ComfortNoise, SilenceIsSilentAndHostileCoefficientsStayBounded) {
    ComfortNoise noise;
    noise.describe(*NoiseDescription::parse(octets({127})));
    std::vector<std::int16_t> sound(800, 1);
    noise.make(sound);
    EXPECT_EQ(sound, std::vector<std::int16_t>(800));
    EXPECT_FALSE(NoiseDescription::parse({}));
    std::vector<std::byte> hostile(1400, std::byte{0xFF});
    const auto description = NoiseDescription::parse(hostile);
    ASSERT_TRUE(description);
    EXPECT_EQ(description->order, kMaxNoiseOrder);
    for (const double k : description->k) EXPECT_LT(std::abs(k), 1);
    noise.describe(*description);
    noise.make(sound);
}

TEST(Rfc6464S3AudioLevel, FullScaleIsZeroAndSilence127) {
    EXPECT_EQ(level_of(std::vector<std::int16_t>(160, -32768)), 0U);
    EXPECT_EQ(level_of(std::vector<std::int16_t>(160, 0)), 127U);
    EXPECT_EQ(level_of(std::vector<std::int16_t>(160, 328)), 40U);
}

}  // namespace
}  // namespace carillon::codecs
