#include "media/rtp/rtp_stream.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::rtp {
namespace {

using std::chrono::milliseconds;

RtpPacket packet(std::uint16_t sequence, std::uint32_t timestamp) {
    return {{false, 0, {sequence}, timestamp, 7, 12}, {}};
}

TEST(Rfc3550S5p1, HeaderRoundTrip) {
    RtpSender sender{0xCAFEBABE, 65535, 100};
    const std::vector<std::byte> payload(3, std::byte{9});
    sender.packet(111, true, payload, 960);
    const auto bytes = sender.packet(111, false, payload, 960);
    const auto parsed = parse_rtp(bytes);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->header.sequence.value, 0);
    EXPECT_EQ(parsed->header.timestamp, 1060U);
    EXPECT_EQ(parsed->header.ssrc, 0xCAFEBABE);
    EXPECT_EQ(parsed->payload.size(), 3U);
    EXPECT_FALSE(is_rtcp(bytes));
}

TEST(Rfc6464S3, AudioLevelGoesAlong) {
    RtpSender sender{7, 1, 100};
    std::array<std::byte, 64> room{};
    const std::vector<std::byte> payload(3, std::byte{9});
    const auto size = sender.write(room, {.payload_type = 0,
                                          .marker = false,
                                          .timestamp = 500,
                                          .payload = payload,
                                          .audio_level_id = 3,
                                          .audio_level = 0x80 | 30});
    ASSERT_EQ(size, 12U + 8 + 3);
    EXPECT_EQ(load_u32(&room[12]), 0xBEDE0001U);
    EXPECT_EQ(load_u32(&room[16]), 0x309E0000U);  // id 3, one octet, V and 30
    const auto parsed = parse_rtp(Bytes{room}.first(size));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->payload.size(), 3U);
    EXPECT_EQ(parsed->header.timestamp, 500U);
    EXPECT_EQ(sender.timestamp(), 100U);
    EXPECT_EQ(sender.write(std::span{room}.first(20), {.payload = payload}), 15U);
    EXPECT_EQ(sender.write(std::span{room}.first(14), {.payload = payload}), 0U);
}

TEST(Rfc3550S5p1, SkipsCsrcsExtensionAndPadding) {
    ByteWriter out;
    out.u8(0x80 | 0x20 | 0x10 | 1);  // padding, extension, one CSRC
    out.u8(96);
    out.u16(1);
    out.zeros(8 + 4);
    out.u16(0xBEDE);
    out.u16(1);
    out.zeros(4);
    out.u8(42);
    out.zeros(1);
    out.u8(2);  // two octets of padding
    const auto parsed = parse_rtp(out.view());
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->payload.size(), 1U);
    EXPECT_EQ(parsed->payload[0], std::byte{42});
    for (std::size_t size = 0; size < 24; ++size) EXPECT_FALSE(parse_rtp(out.view().first(size))) << size;
}

TEST(Rfc3550A1A3, CountsLossAcrossTheWrap) {
    RtpReceiver receiver{8000};
    const auto start = steady_clock::now();
    for (std::uint32_t i = 0; i < 20; ++i) {
        if (i == 5 || i == 12) continue;
        receiver.on_packet(packet(static_cast<std::uint16_t>(65530 + i), i * 160), start + milliseconds{20} * i);
    }
    EXPECT_EQ(receiver.reception().expected(), 20U);
    EXPECT_EQ(receiver.reception().lost(), 2U);
    const auto block = receiver.report(start);
    EXPECT_EQ(block.fraction_lost, 25) << "2 of 20, in 1/256";
    EXPECT_EQ(block.highest_sequence, 65536U + 13);
    EXPECT_NEAR(receiver.jitter_ms(), 0, 0.2);
    EXPECT_EQ(receiver.report(start).fraction_lost, 0) << "each report covers its own interval";
}

TEST(Rfc3550A8, JitterConvergesToTheDeviation) {
    RtpReceiver receiver{8000};
    const auto start = steady_clock::now();
    for (std::uint32_t i = 0; i < 500; ++i) {
        const auto late = milliseconds{i % 2 ? 10 : 0};  // every other packet 10 ms late: |D| is 10 ms each time
        receiver.on_packet(packet(static_cast<std::uint16_t>(i), i * 160), start + milliseconds{20} * i + late);
    }
    EXPECT_NEAR(receiver.jitter_ms(), 10, 0.2);
}

TEST(Rfc3550S6p4, SenderReportRoundTrip) {
    RtpSender sender{1, 0, 0};
    sender.packet(0, true, std::vector<std::byte>(160), 160);
    ReportBlock about{2, 64, -3, 70000, 5, 6, 7};
    const auto bytes = compose_rtcp(sender, about, "cname", true);
    EXPECT_EQ(bytes.size() % 4, 0U);
    EXPECT_TRUE(is_rtcp(bytes));
    const auto news = RtcpSummary::parse(bytes);
    ASSERT_TRUE(news);
    EXPECT_TRUE(news->sender_report_mid_ntp);
    EXPECT_TRUE(news->has_bye);
    ASSERT_TRUE(news->first_report);
    EXPECT_EQ(news->first_report->cumulative_lost, -3);
    EXPECT_EQ(news->first_report->fraction_lost, 64);
    EXPECT_EQ(news->first_report->highest_sequence, 70000U);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        if (!RtcpSummary::parse(Bytes{bytes}.first(size))) continue;
        EXPECT_EQ(size % 4, 0U) << "a cut between packets of the compound is not seen, any other is";
    }
}

TEST(Rfc3550S6p4, ReceiverReportBeforeAnythingWasSent) {
    const RtpSender sender{1, 0, 0};
    const auto news = RtcpSummary::parse(compose_rtcp(sender, std::nullopt, "", false));
    ASSERT_TRUE(news);
    EXPECT_FALSE(news->sender_report_mid_ntp);
    EXPECT_EQ(news->sender_ssrc, 1U);
}

TEST(Rfc3550S6p4p1, RoundTripOfTheSpecificationsFigure) {
    // Figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000; the round trip is 0x0006:2000 = 6.125 s.
    ReportBlock block;
    block.last_sr = 0xB7052000;
    block.delay_since_sr = 0x00054000;
    const auto trip = round_trip(block, std::uint64_t{0xB7108000} << 16);
    ASSERT_TRUE(trip);
    EXPECT_EQ(trip->count(), 6125000);
    EXPECT_FALSE(round_trip(ReportBlock{}, 0));
}

}  // namespace
}  // namespace carillon::rtp
