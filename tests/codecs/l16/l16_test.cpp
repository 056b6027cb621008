#include "codecs/l16/l16_codec.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace carillon::codecs::l16 {
namespace {

TEST(Rfc3551S4p5p11L16, SamplesAreInNetworkOrder) {
    const std::array<std::int16_t, 3> sound{1, -2, 0x1234};
    std::array<std::byte, 6> wire{};
    ASSERT_EQ(L16Encoder{}.encode(sound, wire), 6U);
    const std::array<unsigned, 6> expected{0x00, 0x01, 0xFF, 0xFE, 0x12, 0x34};
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::to_integer<unsigned>(wire[i]), expected[i]);
    std::array<std::int16_t, 3> heard{};
    ASSERT_EQ(L16Decoder{}.decode(wire, heard), 3U);
    EXPECT_EQ(heard, sound);
}

TEST(Rfc3551S4p5p11L16, HalfASampleIsRefused) {
    std::array<std::int16_t, 8> heard{};
    EXPECT_EQ(L16Decoder{}.decode(std::vector<std::byte>(3), heard), 0U);
    EXPECT_EQ(L16Decoder{}.decode({}, heard), 0U);
    EXPECT_EQ(L16Decoder{}.decode(std::vector<std::byte>(18), heard), 0U);
}

}  // namespace
}  // namespace carillon::codecs::l16
