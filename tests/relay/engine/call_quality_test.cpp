/// What the relay makes of a direction's packets and of the far end's reports.
#include "relay/engine/call_quality.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

constexpr std::uint32_t kSsrc = 0xCAFE;

Packet rtp(unsigned number, std::uint8_t type, unsigned clock, std::uint8_t fill = 0x11, std::size_t size = 160) {
    ByteWriter out;
    out.u8(0x80), out.u8(type), out.u16(static_cast<std::uint16_t>(number)), out.u32(number * clock / 50),
        out.u32(kSsrc);
    for (std::size_t i = 0; i < size; ++i) out.u8(fill);
    return out.release();
}

/// An RR about kSsrc, and a VoIP metrics block where wanted.
Packet report(std::int32_t lost, bool extended = false) {
    ByteWriter out;
    out.u8(0x81), out.u8(201), out.u16(7), out.u32(1), out.u32(kSsrc);
    out.u32(static_cast<std::uint32_t>(lost) & 0xFFFFFF), out.u32(0), out.u32(0), out.u32(0), out.u32(0);
    if (!extended) return out.release();
    out.u8(0x80), out.u8(207), out.u16(10), out.u32(1);
    out.u8(7), out.u8(0), out.u16(8), out.u32(kSsrc), out.u8(26), out.u8(26), out.u8(0), out.u8(0);
    out.zeros(4), out.u16(100), out.u16(250), out.zeros(4);
    out.u8(60), out.u8(127), out.u8(30), out.u8(28), out.zeros(8);
    return out.release();
}

class Direction : public testing::Test {
  protected:
    /// Ten seconds of packets that `passes` lets through.
    void talk(
        std::uint8_t type, unsigned clock, const std::function<bool(unsigned)>& passes = [](unsigned) { return true; },
        std::uint8_t fill = 0x11, std::size_t size = 160) {
        for (unsigned i = 0; i < 500; ++i, now += 20ms)
            if (passes(i)) from.on_media(rtp(i, type, clock, fill, size), now, true);
    }
    api::LegQuality judged() const { return quality_of(from, to, now); }

    LegStatistics from, to;
    SteadyTime now{1h};
};

TEST_F(Direction, CleanG711IsWhatG107Says) {
    talk(0, 8000);
    EXPECT_NEAR(judged().mos, 4.41, 0.005);
    EXPECT_NEAR(judged().r, 93.2, 0.001);
    EXPECT_FALSE(judged().wideband);
    EXPECT_NEAR(judged().delay_ms, 65, 1);
}

TEST_F(Direction, OpusIsJudgedOnTheWideScale) {
    talk(111, 48'000, [](unsigned) { return true; }, 0x11, 80);
    EXPECT_TRUE(judged().wideband);
    EXPECT_NEAR(judged().r, 128, 0.001);
    EXPECT_NEAR(judged().mos, 4.5, 0.02);
}

TEST_F(Direction, VideoHasNoOpinion) {
    talk(97, 90'000, [](unsigned) { return true; }, 0x11, 900);
    EXPECT_EQ(judged().mos, 0);
}

TEST_F(Direction, RandomLossCostsAndBurstsCostMore) {
    talk(0, 8000, [](unsigned i) { return i % 20 != 10; });
    const auto random = judged();
    EXPECT_NEAR(random.loss, 0.05, 0.003);
    EXPECT_NEAR(random.burst_ratio, 1, 0.06);
    EXPECT_NEAR(random.r, 93.2 - 15.8, 0.6);
    from = {};
    talk(0, 8000, [](unsigned i) { return i % 100 < 50 || i % 100 >= 55; });
    const auto bursts = judged();
    EXPECT_NEAR(bursts.loss, 0.05, 0.003);
    EXPECT_NEAR(bursts.burst_ratio, 5 * 0.95, 0.1);
    EXPECT_LT(bursts.mos, random.mos - 0.08);
}

TEST_F(Direction, WhatTheFarEndLostCountsToo) {
    talk(0, 8000);
    to.on_rtcp(report(50), now, from);
    EXPECT_NEAR(judged().loss, 0.1, 0.001);
    to.on_rtcp(report(-3), now, from);
    EXPECT_EQ(judged().loss, 0) << "duplicates are no gain";
}

TEST_F(Direction, Rfc3611ReportsAreTaken) {
    talk(0, 8000);
    to.on_rtcp(report(0, true), now, from);
    const auto heard = judged();
    EXPECT_TRUE(heard.reported);
    EXPECT_EQ(heard.reported_r, 60u);
    EXPECT_DOUBLE_EQ(heard.reported_mos_cq, 2.8);
    EXPECT_NEAR(heard.loss, 1 - (1 - 26 / 256.0) * (1 - 26 / 256.0), 1e-9) << "lost, and too late to be played";
    EXPECT_NEAR(heard.delay_ms, 25 + 250, 1) << "the end system's own delay";
    EXPECT_LT(heard.mos, 3);
}

TEST_F(Direction, SilenceInPacketsIsSeen) {
    talk(0, 8000, [](unsigned) { return true; }, 0xFF);
    EXPECT_NEAR(static_cast<double>(judged().quiet_ms), 10'000, 50);
    talk(0, 8000, [](unsigned i) { return i < 2; });
    EXPECT_EQ(judged().quiet_ms, 0u) << "somebody speaks";
    talk(8, 8000, [](unsigned) { return true; }, 0xD5);
    EXPECT_GT(judged().quiet_ms, 9'000u);
    from = {};
    talk(111, 48'000, [](unsigned) { return true; }, 0xFF, 1);
    EXPECT_GT(judged().quiet_ms, 8'000u) << "discontinuous transmission";
}

TEST_F(Direction, NothingIsSaidOfAMoment) {
    talk(0, 8000, [](unsigned i) { return i < 10; });
    EXPECT_EQ(judged().mos, 0);
}

}  // namespace
}  // namespace carillon::relay
