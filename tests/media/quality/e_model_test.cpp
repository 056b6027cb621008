#include "media/quality/e_model.h"

#include <gtest/gtest.h>

namespace carillon::quality {
namespace {

using std::chrono::milliseconds;

TEST(G107AnnexB, RatingToOpinionScore) {
    // ITU-T G.107 table B.1 and the default rating of §7.7.
    EXPECT_NEAR(mean_opinion_score(93.2), 4.41, 0.005);
    EXPECT_NEAR(mean_opinion_score(90.0), 4.34, 0.005);
    EXPECT_NEAR(mean_opinion_score(80.0), 4.03, 0.01);  // the table rounds up
    EXPECT_NEAR(mean_opinion_score(70.0), 3.60, 0.005);
    EXPECT_NEAR(mean_opinion_score(60.0), 3.10, 0.005);
    EXPECT_NEAR(mean_opinion_score(50.0), 2.58, 0.005);
    EXPECT_DOUBLE_EQ(mean_opinion_score(-5.0), 1.0);
    EXPECT_DOUBLE_EQ(mean_opinion_score(100.0), 4.5);
}

TEST(G107S7p5, LossByRobustness) {
    // Ie-eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl), worked by hand for G.113's G.711 rows.
    EXPECT_DOUBLE_EQ(effective_impairment(kG711WithConcealment, 0, 1), 0);
    EXPECT_NEAR(effective_impairment(kG711WithConcealment, 0.01, 1), 95.0 / 26.1, 1e-9);
    EXPECT_NEAR(effective_impairment(kG711WithConcealment, 0.05, 1), 15.78, 0.01);
    EXPECT_NEAR(effective_impairment(kG711Plain, 0.01, 1), 17.92, 0.01);
    EXPECT_NEAR(effective_impairment(kG711Plain, 0.05, 1), 51.08, 0.01);
    EXPECT_GT(effective_impairment(kG711WithConcealment, 0.05, 2), effective_impairment(kG711WithConcealment, 0.05, 1));
    EXPECT_NEAR(effective_impairment({11, 19.0}, 0, 1), 11, 1e-9) << "a codec such as G.729A costs without loss";
}

TEST(G107S7p4, DelayCostsNothingUpTo100ms) {
    EXPECT_DOUBLE_EQ(delay_impairment(milliseconds{100}), 0);
    EXPECT_NEAR(delay_impairment(milliseconds{200}), 25 * (1.122462 - 3 * 1.000228 + 2), 0.01);
    EXPECT_LT(delay_impairment(milliseconds{150}), 1.0);
    EXPECT_GT(delay_impairment(milliseconds{400}), 20.0);
}

TEST(G107, APerfectCallAndABadOne) {
    EXPECT_NEAR(mean_opinion_score(Conditions{}), 4.41, 0.005);
    EXPECT_LT(mean_opinion_score(Conditions{.loss = 0.10, .one_way = milliseconds{300}}), 3.0);
    EXPECT_DOUBLE_EQ(mean_opinion_score(Conditions{.loss = 1.0, .one_way = milliseconds{2000}, .codec = kG711Plain}),
                     1.0);
}

}  // namespace
}  // namespace carillon::quality
