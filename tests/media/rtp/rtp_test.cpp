#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "media/rtp/packet.h"
#include "media/rtp/reception.h"
#include "media/rtp/rtcp.h"

namespace carillon::rtp {
namespace {

using std::chrono::milliseconds;

Header packet(std::uint16_t sequence, std::uint32_t timestamp = 0) {
    return {.sequence = {sequence}, .timestamp = timestamp, .ssrc = 1, .size = 12};
}

TEST(Rfc3550S5p1Header, IsReadWithCsrcsAndExtension) {
    ByteWriter out;
    out.u8(0x92);  // version 2, extension, two CSRCs
    out.u8(0xE0);  // marker, payload type 96
    out.u16(0xFFFE);
    out.u32(160);
    out.u32(0xCAFEBABE);
    out.u64(0);
    out.u16(0xBEDE);
    out.u16(1);
    out.u32(0);
    out.u8(0x55);
    const auto header = Header::parse(out.view());
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->marker);
    EXPECT_EQ(header->payload_type, 96);
    EXPECT_EQ(header->sequence.value, 0xFFFE);
    EXPECT_EQ(header->ssrc, 0xCAFEBABE);
    EXPECT_EQ(header->size, 12u + 8 + 8);
    EXPECT_EQ(Header::parse(out.view().first(27)).error(), Errc::truncated);
    EXPECT_EQ(Header::parse(out.view().first(11)).error(), Errc::truncated);
}

TEST(Rfc1982S3SequenceNumber, WrapsAround) {
    EXPECT_EQ(SequenceNumber::distance({0xFFFF}, {0}), 1);
    EXPECT_EQ(SequenceNumber::distance({0}, {0xFFFF}), -1);
    EXPECT_EQ(SequenceNumber::distance({10}, {20}), 10);
}

TEST(Rfc3550SA3Reception, CountsLossAcrossTheWrap) {
    Reception reception;
    for (unsigned i = 65530; i < 65530 + 20; ++i) {
        if (i % 5 == 0 && i > 65530) continue;
        reception.on_packet(packet(static_cast<std::uint16_t>(i)), {}, 0);
    }
    EXPECT_EQ(reception.expected(), 20u);
    EXPECT_EQ(reception.lost(), 3u);
    EXPECT_NEAR(reception.loss(), 3.0 / 20, 1e-9);
}

TEST(Rfc3550SA3Reception, LateAndDuplicatePacketsAreToldApart) {
    Reception reception;
    EXPECT_EQ(reception.on_packet(packet(10), {}, 0), Reception::Verdict::in_order);
    EXPECT_EQ(reception.on_packet(packet(12), {}, 0), Reception::Verdict::in_order);
    EXPECT_EQ(reception.on_packet(packet(11), {}, 0), Reception::Verdict::late);
    EXPECT_EQ(reception.on_packet(packet(11), {}, 0), Reception::Verdict::duplicate);
    EXPECT_EQ(reception.on_packet(packet(12), {}, 0), Reception::Verdict::duplicate);
    EXPECT_EQ(reception.on_packet(packet(9), {}, 0), Reception::Verdict::late) << "sent before the first that came";
    EXPECT_EQ(reception.lost(), 0u);
    EXPECT_EQ(reception.received(), 4u);
    EXPECT_EQ(reception.duplicates(), 2u);
}

TEST(Rfc3550SA1Reception, ARestartedSenderLosesNothing) {
    Reception reception;
    for (std::uint16_t i = 0; i < 10; ++i) reception.on_packet(packet(i), {}, 0);
    reception.on_packet(packet(30'000), {}, 0);
    EXPECT_EQ(reception.on_packet(packet(30'001), {}, 0), Reception::Verdict::restarted);
    reception.on_packet(packet(30'002), {}, 0);
    EXPECT_EQ(reception.received(), 13u);
    EXPECT_EQ(reception.lost(), 0u);
}

TEST(Rfc3550SA8Reception, JitterIsTheMeanDeviationOfTransit) {
    Reception steady;
    for (std::uint16_t i = 0; i < 200; ++i) steady.on_packet(packet(i, 160u * i), milliseconds{100 + 20 * i}, 8000);
    EXPECT_EQ(steady.jitter().count(), 0);
    Reception shaken;  // every second packet 4 ms late: each difference is 4 ms
    for (std::uint16_t i = 0; i < 400; ++i) {
        shaken.on_packet(packet(i, 160u * i), milliseconds{100 + 20 * i + (i % 2) * 4}, 8000);
    }
    EXPECT_NEAR(static_cast<double>(shaken.jitter().count()) / 1e6, 4.0, 0.05);
}

TEST(Rfc3550S6p4Rtcp, ReportsAreReadFromACompoundPacket) {
    ByteWriter out;
    out.u8(0x81);  // SR with one block
    out.u8(200);
    out.u16(12);
    out.u32(0x11111111);
    out.u64(0x0102030405060708);  // NTP
    out.u32(0), out.u32(5), out.u32(800);
    out.u32(0x22222222);
    out.u8(64), out.u24(0xFFFFFF);  // a quarter lost; cumulative -1
    out.u32(70'000), out.u32(33), out.u32(0xAABBCCDD), out.u32(0x10000);
    out.u8(0x81), out.u8(203), out.u16(1), out.u32(0x11111111);  // BYE
    const auto summary = RtcpSummary::parse(out.view());
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->packets, 2u);
    EXPECT_TRUE(summary->has_bye);
    EXPECT_EQ(summary->sender_report_mid_ntp, 0x03040506u);
    ASSERT_TRUE(summary->first_report);
    EXPECT_EQ(summary->first_report->fraction_lost, 64);
    EXPECT_EQ(summary->first_report->cumulative_lost, -1);
    EXPECT_EQ(summary->first_report->last_sr, 0xAABBCCDDu);
    EXPECT_EQ(summary->first_report->delay_since_sr, 0x10000u);
    for (std::size_t cut = 1; cut < out.size(); ++cut) {
        if (cut == 52) continue;  // the SR alone is whole
        EXPECT_FALSE(RtcpSummary::parse(out.view().first(cut))) << cut;
    }
}

TEST(Rfc5761S4Demux, TellsRtcpFromRtp) {
    EXPECT_TRUE(is_rtcp(std::array{std::byte{0x80}, std::byte{200}}));
    EXPECT_FALSE(is_rtcp(std::array{std::byte{0x80}, std::byte{0xE0}}));
    EXPECT_FALSE(looks_like_rtp_or_rtcp(std::array<std::byte, 20>{}));
}

}  // namespace
}  // namespace carillon::rtp
