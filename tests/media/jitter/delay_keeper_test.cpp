#include "media/jitter/delay_keeper.h"

#include <gtest/gtest.h>

namespace carillon::jitter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFrame{20};

void play(DelayKeeper& keeper, milliseconds time, milliseconds reserve) {
    for (milliseconds at{0}; at < time; at += kFrame) keeper.played(kFrame, reserve);
}

TEST(DelayKeeper, WhatWasNotNeededForTwoSecondsIsSurplusButForAReserve) {
    DelayKeeper keeper;
    EXPECT_EQ(keeper.target(), milliseconds{40});
    play(keeper, milliseconds{1980}, milliseconds{40});
    EXPECT_EQ(keeper.surplus(), milliseconds{0});
    play(keeper, kFrame, milliseconds{40});
    EXPECT_EQ(keeper.surplus(), milliseconds{20});
    keeper.gave_back(milliseconds{12});
    EXPECT_EQ(keeper.surplus(), milliseconds{8});
    keeper.gave_back(milliseconds{8});
    EXPECT_EQ(keeper.surplus(), milliseconds{0});
    EXPECT_EQ(keeper.target(), milliseconds{20});
    play(keeper, seconds{30}, milliseconds{20});
    EXPECT_EQ(keeper.surplus(), milliseconds{0}) << "the reserve stays";
}

TEST(DelayKeeper, OneMomentOfNeedInTheWindowKeepsTheDelay) {
    DelayKeeper keeper;
    play(keeper, milliseconds{1000}, milliseconds{60});
    keeper.played(kFrame, milliseconds{20});
    play(keeper, milliseconds{1000}, milliseconds{60});
    EXPECT_EQ(keeper.surplus(), milliseconds{0});
}

TEST(DelayKeeper, WhoRunsDryGathersMoreAndIsTrustedLessSoon) {
    DelayKeeper keeper;
    keeper.ran_dry(2 * kFrame);
    EXPECT_EQ(keeper.target(), milliseconds{80});
    play(keeper, milliseconds{3900}, milliseconds{60});
    EXPECT_EQ(keeper.surplus(), milliseconds{0}) << "two seconds were not enough";
    play(keeper, milliseconds{200}, milliseconds{60});
    EXPECT_EQ(keeper.surplus(), milliseconds{40});
    for (int i = 0; i < 100; ++i) keeper.ran_dry(kFrame);
    EXPECT_EQ(keeper.target(), milliseconds{200}) << "there is an end to it";
}

/// A network that holds everything up for 60 ms every six seconds: it is learned, and heard no more.
TEST(DelayKeeper, WhatComesAgainAndAgainIsProvidedFor) {
    DelayKeeper keeper;
    milliseconds reserve{40};
    int dry = 0, dry_late = 0;
    for (int i = 0; i < 60 * 50; ++i) {
        const bool stall = i % 300 >= 297;
        if (stall && reserve < milliseconds{(i % 300 - 296) * 20}) {
            keeper.ran_dry(kFrame);
            reserve += kFrame;
            ++dry, dry_late += i > 20 * 50;
            continue;
        }
        keeper.played(kFrame, stall ? reserve - milliseconds{(i % 300 - 296) * 20} : reserve);
        const auto give = std::min(keeper.surplus(), kFrame);
        if (give > milliseconds{0}) keeper.gave_back(give), reserve -= give;
    }
    EXPECT_GT(dry, 0);
    EXPECT_LE(dry_late, 2) << "once a minute it may try";
}

TEST(DelayKeeper, AMinuteOfCalmMakesItBoldAgain) {
    DelayKeeper keeper;
    for (int i = 0; i < 3; ++i) keeper.ran_dry(kFrame);  // 16 s
    play(keeper, seconds{61}, milliseconds{20});
    play(keeper, seconds{60}, milliseconds{20});
    play(keeper, seconds{60}, milliseconds{20});
    play(keeper, seconds{4}, milliseconds{100});
    EXPECT_GT(keeper.surplus(), milliseconds{0});
}

}  // namespace
}  // namespace carillon::jitter
