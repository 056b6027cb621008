#include "media/quality/e_model_wideband.h"

#include <gtest/gtest.h>

namespace carillon::quality {
namespace {

using std::chrono::milliseconds;

TEST(G1071AnnexA, RatingToOpinionScore) {
    // The narrow-band table of G.107 Annex B, stretched by 1.29.
    EXPECT_DOUBLE_EQ(mean_opinion_score_wideband(kDefaultRWideband), 4.5);
    EXPECT_NEAR(mean_opinion_score_wideband(1.29 * 90), 4.34, 0.005);
    EXPECT_NEAR(mean_opinion_score_wideband(1.29 * 80), 4.03, 0.01);
    EXPECT_NEAR(mean_opinion_score_wideband(1.29 * 50), 2.58, 0.005);
    EXPECT_DOUBLE_EQ(mean_opinion_score_wideband(-1.0), 1);
}

TEST(G1071S6p2, NarrowBandIsWorthWhatItIsOnTheLongerScale) {
    const Conditions narrow{.codec = kG711Wideband};
    EXPECT_DOUBLE_EQ(transmission_rating_wideband(narrow), 93.2);
    EXPECT_NEAR(mean_opinion_score_wideband(narrow), 3.70, 0.02) << "93.2 of 129 is 72.2 of 100";
}

TEST(G113AppendixIV, G722At64kbits) {
    EXPECT_DOUBLE_EQ(transmission_rating_wideband({.codec = kG722Wideband}), 116);
    EXPECT_NEAR(mean_opinion_score_wideband({.codec = kG722Wideband}), 4.34, 0.01);
}

TEST(G1071S7p4, DelayCostsAsMuchAsOnTheNarrowScale) {
    const double near = transmission_rating_wideband({.one_way = milliseconds{100}, .codec = kOpusWideband});
    const double far = transmission_rating_wideband({.one_way = milliseconds{400}, .codec = kOpusWideband});
    EXPECT_DOUBLE_EQ(near, 128);
    EXPECT_NEAR(near - far, delay_impairment(milliseconds{400}), 1e-9);
}

TEST(G1071S7p5, LossCostsMoreInBursts) {
    const Conditions random{.loss = 0.05, .codec = kG722Wideband};
    EXPECT_NEAR(transmission_rating_wideband(random), 129 - (13 + 82 * 5 / (5 + 4.3)), 1e-9);
    auto bursts = random;
    bursts.burst_ratio = 3;
    EXPECT_LT(mean_opinion_score_wideband(bursts), mean_opinion_score_wideband(random));
}

}  // namespace
}  // namespace carillon::quality
