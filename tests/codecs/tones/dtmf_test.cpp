#include "codecs/tones/dtmf.h"

#include <gtest/gtest.h>

#include "codecs/g711/g711.h"

namespace carillon::codecs {
namespace {

TEST(ItuQ23Dtmf, EveryDigitIsHeardThroughG711) {
    auto sound = dtmf_tones("0123456789*#ABCD");
    for (auto& sample : sound) sample = g711::decode_mu(g711::encode_mu(sample));
    DtmfDetector detector;
    std::string heard;
    for (std::size_t at = 0; at + 160 <= sound.size(); at += 160)
        heard += detector.process(Samples{sound}.subspan(at, 160));
    EXPECT_EQ(heard, "0123456789*#ABCD");
}

TEST(ItuQ23Dtmf, OnlyDigitsSound) {
    EXPECT_TRUE(dtmf_tones("x y").empty());
    EXPECT_EQ(dtmf_tones("1z2").size(), 2 * 1600U);
    EXPECT_FALSE(is_dtmf_digit('E'));
}

TEST(ItuQ24Dtmf, SilenceAndASingleToneAreNoDigits) {
    DtmfDetector detector;
    EXPECT_EQ(detector.process(std::vector<std::int16_t>(8000)), "");
    std::vector<std::int16_t> square(8000);
    for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 5 % 2 ? 6000 : -6000;  // 800 Hz and its harmonics
    EXPECT_EQ(detector.process(square), "");
}

}  // namespace
}  // namespace carillon::codecs
