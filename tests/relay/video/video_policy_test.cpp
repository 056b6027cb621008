/// What is decided about pictures without looking at any: what is missing, how many bits, how large.
#include <gtest/gtest.h>

#include "relay/media/missing_packets.h"
#include "relay/media/video_rate.h"
#include "relay/media/video_size.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
constexpr SteadyTime kNow{1h};

TEST(MissingPackets, AreAskedForAgainUntilTheyComeOrItIsTooLate) {
    MissingPackets missing;
    for (const unsigned each : {65533u, 65534u, 1u, 2u}) missing.on_packet({static_cast<std::uint16_t>(each)});
    EXPECT_EQ(missing.due(kNow), (std::vector<std::uint16_t>{65535, 0}));
    EXPECT_TRUE(missing.due(kNow + 10ms).empty());
    missing.on_packet({65535});
    EXPECT_EQ(missing.due(kNow + 60ms), (std::vector<std::uint16_t>{0}));
    unsigned times = 0;
    for (int i = 2; i < 40; ++i) times += missing.due(kNow + i * 60ms).empty() ? 0 : 1;
    EXPECT_LT(times, 10u);
}

TEST(MissingPackets, AJumpIsABeginning) {
    MissingPackets missing;
    missing.on_packet({10});
    missing.on_packet({5000});
    EXPECT_TRUE(missing.due(kNow).empty());
}

TEST(VideoRate, TheLeastOfWhatIsSaidCounts) {
    VideoRate rate{400'000};
    EXPECT_EQ(rate.target(), 400'000u);
    rate.on_estimate(250'000);
    EXPECT_EQ(rate.target(), 250'000u);
    rate.on_estimate(9'000'000);
    EXPECT_EQ(rate.target(), 400'000u);
    rate.on_estimate(1);
    EXPECT_EQ(rate.target(), VideoRate::kLeast);
}

TEST(VideoRate, LossesLowerItAndQuietRaisesIt) {
    VideoRate rate{0};
    const auto first = rate.target();
    rate.on_loss(0.3, kNow);
    EXPECT_LT(rate.target(), first);
    for (int i = 1; i < 40; ++i) rate.on_loss(0, kNow + i * 1s);
    EXPECT_EQ(rate.target(), VideoRate::kMost);
}

TEST(VideoSize, FewBitsMakeSmallPicturesAndManyLargeOnesAgain) {
    VideoSize size{0};
    EXPECT_EQ(size.choose(640, 480, 30, 900'000, kNow), (VideoSize::Size{640, 480}));
    EXPECT_EQ(size.choose(640, 480, 30, 100'000, kNow), (VideoSize::Size{320, 240}));
    EXPECT_EQ(size.choose(640, 480, 30, 900'000, kNow + 1s), (VideoSize::Size{320, 240})) << "not at once";
    EXPECT_EQ(size.choose(640, 480, 30, 900'000, kNow + 6s), (VideoSize::Size{480, 360}));
    size.choose(640, 480, 30, 900'000, kNow + 7s);
    EXPECT_EQ(size.choose(640, 480, 30, 900'000, kNow + 12s), (VideoSize::Size{640, 480}));
}

TEST(VideoSize, AProcessorThatCannotKeepUpIsSpared) {
    VideoSize size{0};
    size.choose(640, 480, 30, 2'000'000, kNow);
    size.on_late(kNow);
    size.on_late(kNow + 10ms);
    EXPECT_EQ(size.choose(640, 480, 30, 2'000'000, kNow), (VideoSize::Size{480, 360}));
    size.on_late(kNow + 2s);
    EXPECT_EQ(size.choose(640, 480, 30, 2'000'000, kNow + 2s), (VideoSize::Size{320, 240}));
    for (int i = 3; i < 60; ++i) size.choose(640, 480, 30, 2'000'000, kNow + i * 1s);
    EXPECT_EQ(size.choose(640, 480, 30, 2'000'000, kNow + 61s), (VideoSize::Size{640, 480}));
}

TEST(VideoSize, WhatTheEndCannotShowIsMadeSmaller) {
    VideoSize size{320 * 240};
    EXPECT_EQ(size.choose(640, 480, 30, 2'000'000, kNow), (VideoSize::Size{320, 240}));
    EXPECT_EQ(VideoSize{0}.choose(321, 241, 30, 2'000'000, kNow), (VideoSize::Size{320, 240})) << "even";
    const auto tiny = VideoSize{0}.choose(3, 3, 30, 50'000, kNow);
    EXPECT_EQ(tiny, (VideoSize::Size{16, 16}));
}

}  // namespace
}  // namespace carillon::relay
