#include "media/rtp/rtcp_xr.h"

#include <gtest/gtest.h>

#include <vector>

#include "media/rtp/loss_bursts.h"

namespace carillon::rtp {
namespace {

using Packet = std::vector<std::byte>;

void put_voip(ByteWriter& out) {
    out.u8(7), out.u8(0), out.u16(8), out.u32(0xCAFE);
    out.u8(13), out.u8(26), out.u8(128), out.u8(0);  // 5 % lost, 10 % discarded
    out.u16(120), out.u16(5000), out.u16(180), out.u16(60);
    out.u8(0xEC), out.u8(0xBA), out.u8(127), out.u8(16);
    out.u8(82), out.u8(127), out.u8(41), out.u8(39);
    out.u8(0x30), out.u8(0), out.u16(40), out.u16(80), out.u16(200);
}

Packet report(bool with_summary = false) {
    ByteWriter out;
    out.u8(0x80), out.u8(201), out.u16(1), out.u32(7);  // an RR of nothing first, as RFC 3550 §6.1 wants
    out.u8(0x80), out.u8(207), out.u16(with_summary ? 20 : 10), out.u32(7);
    put_voip(out);
    if (with_summary) {
        out.u8(6), out.u8(0x80), out.u16(9), out.u32(0xCAFE), out.u16(1), out.u16(500), out.u32(25), out.u32(3);
        out.zeros(20);
    }
    return out.release();
}

TEST(Rfc3611S4p7VoipMetrics, IsRead) {
    const auto reports = ExtendedReports::parse(report());
    ASSERT_TRUE(reports);
    ASSERT_TRUE(reports->voip);
    const auto& voip = *reports->voip;
    EXPECT_EQ(voip.ssrc, 0xCAFEu);
    EXPECT_NEAR(voip.loss, 0.05, 0.002);
    EXPECT_NEAR(voip.discarded, 0.10, 0.002);
    EXPECT_NEAR(voip.burst_density, 0.5, 0.002);
    EXPECT_EQ(voip.burst_ms, 120);
    EXPECT_EQ(voip.round_trip_ms, 180);
    EXPECT_EQ(voip.end_system_ms, 60);
    EXPECT_EQ(voip.r_factor, 82u);
    EXPECT_DOUBLE_EQ(*voip.mos_lq, 4.1);
    EXPECT_DOUBLE_EQ(*voip.mos_cq, 3.9);
    EXPECT_EQ(voip.jitter_buffer_ms, 40u);
}

TEST(Rfc3611S4p6StatisticsSummary, TellsWhatItsFlagsSay) {
    const auto reports = ExtendedReports::parse(report(true));
    ASSERT_TRUE(reports);
    EXPECT_EQ(reports->blocks, 2u);
    ASSERT_TRUE(reports->summary);
    EXPECT_EQ(reports->summary->lost, 25u);
    EXPECT_FALSE(reports->summary->duplicates);
}

TEST(Rfc3611S4p7VoipMetrics, WhatIsUnavailableIsNotThere) {
    auto packet = report();
    packet[8 + 8 + 24] = packet[8 + 8 + 26] = packet[8 + 8 + 27] = std::byte{127};
    const auto reports = ExtendedReports::parse(packet);
    ASSERT_TRUE(reports && reports->voip);
    EXPECT_FALSE(reports->voip->r_factor);
    EXPECT_FALSE(reports->voip->mos_lq);
    EXPECT_FALSE(reports->voip->mos_cq);
}

TEST(Rfc3611S3Blocks, OthersArePassedOver) {
    ByteWriter out;
    out.u8(0x80), out.u8(207), out.u16(14), out.u32(7);
    out.u8(4), out.u8(0), out.u16(2), out.u32(1), out.u32(2);  // receiver reference time
    out.u8(200), out.u8(0), out.u16(0);                        // of the future
    put_voip(out);
    const auto reports = ExtendedReports::parse(out.view());
    ASSERT_TRUE(reports);
    EXPECT_EQ(reports->blocks, 3u);
    EXPECT_TRUE(reports->voip);
}

TEST(Rfc3611S3Blocks, LengthsThatContradictAreErrors) {
    const auto whole = report(true);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto part = ExtendedReports::parse(Bytes{whole}.first(size));
        EXPECT_EQ(part.has_value(), size == 0 || size == 8) << size;
    }
    auto wrong = report();
    wrong[8 + 8 + 3] = std::byte{7};  // a block of 32 octets that says it is VoIP metrics
    EXPECT_FALSE(ExtendedReports::parse(wrong));
    wrong[8 + 8 + 2] = std::byte{0xFF};
    EXPECT_FALSE(ExtendedReports::parse(wrong));
}

Header numbered(unsigned sequence) { return {.sequence = {static_cast<std::uint16_t>(sequence)}}; }

TEST(G107S7p5BurstRatio, OneForLossesOneByOne) {
    LossBursts bursts;
    for (unsigned i = 65'000; i < 67'000; ++i)
        if (i % 20 != 0) bursts.on_packet(numbered(i));
    EXPECT_NEAR(bursts.burst_ratio(), 1, 0.05);
}

TEST(G107S7p5BurstRatio, GrowsWithTheLengthOfBursts) {
    LossBursts bursts;
    for (unsigned i = 0; i < 4000; ++i)
        if (i % 100 >= 5 || i < 100) bursts.on_packet(numbered(i));
    EXPECT_NEAR(bursts.burst_ratio(), 5 * 0.95, 0.1);
}

TEST(G107S7p5BurstRatio, LateIsNotLost) {
    LossBursts bursts;
    for (unsigned i = 0; i < 1000; i += 4)
        for (const unsigned k : {3u, 0u, 1u, 2u}) bursts.on_packet(numbered(i + k));
    EXPECT_NEAR(bursts.burst_ratio(), 1, 0.01);
}

}  // namespace
}  // namespace carillon::rtp
