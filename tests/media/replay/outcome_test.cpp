#include "media/replay/outcome.h"

#include <gtest/gtest.h>

#include <cmath>

#include "codecs/g711/g711.h"
#include "media/replay/plan.h"
#include "media/replay/report.h"
#include "tests/media/capture/frames.h"

namespace carillon::replay {
namespace {

using std::chrono::milliseconds;

/// Two seconds of a warble, so that no shift looks like another.
std::vector<CapturedPacket> speech(std::uint8_t type, std::uint8_t (*encode)(std::int16_t),
                                   std::uint16_t first = 65500) {
    std::vector<CapturedPacket> packets;
    double phase = 0;
    for (int i = 0; i < 100; ++i) {
        test::Octets payload(160);
        for (int n = 0; n < 160; ++n) {
            phase += 0.1 + 0.0001 * (i * 160 + n);
            payload[static_cast<std::size_t>(n)] =
                static_cast<std::byte>(encode(static_cast<std::int16_t>(8000 * std::sin(phase) * std::sin(i * 0.7))));
        }
        auto packet = test::rtp_packet(static_cast<std::uint16_t>(first + i), 7, type, payload);
        store_u32(&packet[4], static_cast<std::uint32_t>(i * 160));
        packets.push_back({i * milliseconds{20}, packet});
    }
    return packets;
}

TEST(ReplayPlan, SpeedDividesTimes) {
    const auto planned = plan(speech(0, codecs::g711::encode_mu), 2);
    EXPECT_EQ(planned[1].time, milliseconds{10});
    EXPECT_EQ(planned.back().time, milliseconds{990});
}

TEST(ReplayPlan, ImpairmentsAreRepeatableAndAboutAsManyAsAskedFor) {
    std::vector<CapturedPacket> many;
    for (int i = 0; i < 10000; ++i) many.push_back({i * milliseconds{20}, test::octets({1})});
    const Impairments bad{.loss = 0.1, .duplicate = 0.05, .delay = milliseconds{30}, .jitter = milliseconds{10}};
    const auto first = impair(many, bad), second = impair(many, bad);
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) ASSERT_EQ(first[i].time, second[i].time);
    EXPECT_NEAR(static_cast<double>(first.size()), 10000 * 0.9 * 1.05, 300);
    EXPECT_GE(first.front().time, milliseconds{30});
}

TEST(ReplayOutcome, AcrossTheTurnOfTheSequenceNumberNothingIsLost) {
    const auto packets = speech(0, codecs::g711::encode_mu);
    const auto later = impair(packets, {.delay = milliseconds{7}});
    const auto outcome = judge("x", {packets, packets, later, {}}, {}, {});
    EXPECT_EQ(outcome.sent, 100U);
    EXPECT_EQ(outcome.arrived, 100U);
    EXPECT_EQ(outcome.identical, 100U);
    EXPECT_DOUBLE_EQ(*outcome.delay_p50_ms, 7);
    EXPECT_FALSE(outcome.alike);
}

TEST(ReplayOutcome, ATranscodedStreamIsJudgedByItsSound) {
    const auto sent = speech(0, codecs::g711::encode_mu), heard = speech(8, codecs::g711::encode_a);
    const auto outcome = judge("x", {sent, sent, heard, {}}, {}, {});
    EXPECT_EQ(outcome.identical, 0U);
    ASSERT_TRUE(outcome.alike);
    EXPECT_GT(*outcome.alike, 0.99);
    EXPECT_GT(*outcome.snr_db, 17);
}

TEST(ReplayOutcome, PacingIsHowFarPacketsLeftFromTheirTimesEitherWay) {
    const auto packets = speech(0, codecs::g711::encode_mu);
    std::vector<Time> off(100, std::chrono::microseconds{40});
    off[7] = std::chrono::microseconds{-180};
    off[50] = milliseconds{3};
    Report report{.capture = "x.pcap", .way = "call", .thresholds = {.max_pacing_p99_ms = 0.2}};
    report.outcomes.push_back(judge("x", {packets, packets, packets, off}, {}, {}));
    const auto& outcome = report.outcomes[0];
    EXPECT_DOUBLE_EQ(*outcome.pacing_p50_ms, 0.04);
    EXPECT_DOUBLE_EQ(*outcome.pacing_p99_ms, 0.18);
    EXPECT_DOUBLE_EQ(*outcome.pacing_max_ms, 3);
    EXPECT_TRUE(report.passed());
    EXPECT_NE(to_text(report).find("pacing error p50/p99/max 0.040, 0.180, 3.000 ms"), std::string::npos);
    EXPECT_NE(to_json(report).find("\"pacing_p50_ms\":4E-2"), std::string::npos) << to_json(report);
    EXPECT_NE(to_html(report).find("0.040, 0.180, 3.000 ms"), std::string::npos);
    report.thresholds.max_pacing_p99_ms = 0.1;
    ASSERT_EQ(failures(outcome, report.thresholds).size(), 1U);
    EXPECT_EQ(failures(outcome, report.thresholds)[0], "pacing error p99 is 0.180 ms, allowed are 0.100 ms");
}

TEST(ReplayReport, WhatWasOnlySimulatedHasNoPacing) {
    const auto packets = speech(0, codecs::g711::encode_mu);
    Report report{.capture = "x.pcap", .way = "simulated", .thresholds = {.max_pacing_p99_ms = 0.2}};
    report.outcomes.push_back(judge("x", {packets, packets, packets, {}}, {}, {}));
    EXPECT_TRUE(report.passed());
    EXPECT_NE(to_text(report).find("pacing error p50/p99/max -"), std::string::npos);
}

TEST(ReplayReport, ThresholdsAreSentencesAndFormatsAgree) {
    const auto packets = speech(0, codecs::g711::encode_mu);
    const auto lossy = impair(packets, {.loss = 0.3});
    Report report{.capture = "a<b>.pcap", .way = "simulated", .thresholds = {.max_loss = 0.01, .min_mos = 4}};
    report.outcomes.push_back(judge("x & y", {packets, packets, lossy, {}}, {}, {}));
    EXPECT_FALSE(report.passed());
    EXPECT_EQ(failures(report.outcomes[0], report.thresholds).size(), 2U);
    EXPECT_NE(to_text(report).find("FAILED"), std::string::npos);
    EXPECT_NE(to_junit(report).find("failures=\"1\""), std::string::npos);
    EXPECT_NE(to_junit(report).find("x &amp; y"), std::string::npos);
    EXPECT_NE(to_html(report).find("a&lt;b&gt;.pcap"), std::string::npos);
    EXPECT_NE(to_json(report).find("\"passed\":false"), std::string::npos);
    report.thresholds = {};
    EXPECT_TRUE(report.passed());
    EXPECT_FALSE(Report{}.passed()) << "nothing was tried";
}

}  // namespace
}  // namespace carillon::replay
