#include "media/rtp/feedback.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "media/rtp/rtp_stream.h"

namespace carillon::rtp {
namespace {

template <class T>
std::vector<T> all(Bytes compound) {
    std::vector<T> out;
    read_feedback(compound, [&](const Feedback& said) {
        if (const auto* one = std::get_if<T>(&said)) out.push_back(*one);
    });
    return out;
}

TEST(Rfc4585S6p3p1PictureLoss, IsReadAsItWasMade) {
    const auto asked = all<PictureLoss>(picture_loss(7, 9));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].media, 9u);
}

TEST(Rfc5104S4p3p1FullIntra, NamesItsStreamInTheEntry) {
    const auto asked = all<FullIntra>(full_intra(7, 9, 3));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].media, 9u);
    EXPECT_EQ(asked[0].number, 3);
}

TEST(Rfc4585S6p2p1Nack, PacketsNearOneAnotherShareAnEntry) {
    const std::vector<std::uint16_t> missing{65534, 65535, 0, 14, 15, 1000};
    const auto packet = nack(7, 9, missing);
    EXPECT_EQ(packet.size(), 8u + 12 + 3 * 4);
    std::vector<std::uint16_t> read;
    for (const auto& each : all<Nack>(packet)) {
        EXPECT_EQ(each.media, 9u);
        read.push_back(each.sequence);
        for (unsigned bit = 0; bit < 16; ++bit)
            if (each.behind >> bit & 1) read.push_back(static_cast<std::uint16_t>(each.sequence + bit + 1));
    }
    EXPECT_EQ(read, missing);
}

TEST(ReceiverEstimateOfTheDraft, KeepsEighteenBits) {
    for (const std::uint64_t bitrate : {0ull, 150'000ull, 2'500'000ull, 10'000'000'000ull}) {
        const auto read = all<ReceiverEstimate>(receiver_estimate(7, 9, bitrate));
        ASSERT_EQ(read.size(), 1u);
        EXPECT_NEAR(static_cast<double>(read[0].bitrate), static_cast<double>(bitrate), bitrate * 0.00001 + 1);
    }
}

TEST(Rfc3550S6Reports, TellTimesNamesAndBlocks) {
    RtpSender sender{7, 1, 3000};
    sender.packet(96, true, std::vector<std::byte>(10), 0);
    const auto packet =
        compose_rtcp(sender, ReportBlock{.ssrc = 9, .fraction_lost = 64, .cumulative_lost = -2}, "me@here", false);
    const auto times = all<SenderTime>(packet);
    ASSERT_EQ(times.size(), 1u);
    EXPECT_EQ(times[0].ssrc, 7u);
    EXPECT_EQ(times[0].timestamp, 3000u);
    const auto names = all<CanonicalName>(packet);
    ASSERT_EQ(names.size(), 1u);
    EXPECT_EQ(names[0].name, "me@here");
    const auto blocks = all<ReportBlock>(packet);
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_EQ(blocks[0].fraction_lost, 64);
    EXPECT_EQ(blocks[0].cumulative_lost, -2);
}

TEST(WithoutFeedback, ReportsStay) {
    RtpSender sender{7, 1, 3000};
    auto packet = compose_rtcp(sender, std::nullopt, "me@here", false);
    const auto reports = packet;
    const auto lost = picture_loss(7, 9);
    packet.insert(packet.begin(), lost.begin() + 8, lost.end());
    packet.insert(packet.end(), lost.begin() + 8, lost.end());
    packet.resize(without_feedback(packet));
    EXPECT_EQ(packet, reports);
    auto alone = std::vector(lost.begin() + 8, lost.end());
    EXPECT_EQ(without_feedback(alone), 0u);
}

TEST(WithoutFeedback, WhatIsAboutAStreamThatIsKeptStays) {
    const std::array<std::uint32_t, 2> kept{9, 11};
    const auto sizes_of = [&](const auto& message) {
        std::vector<std::byte> stays(message.begin(), message.end());
        auto alone = stays;
        return std::pair{without_feedback(stays, kept), only_feedback(alone, kept)};
    };
    EXPECT_EQ(sizes_of(picture_loss(7, 9)), (std::pair<std::size_t, std::size_t>{20, 12}));
    EXPECT_EQ(sizes_of(picture_loss(7, 8)), (std::pair<std::size_t, std::size_t>{8, 0}));
    EXPECT_EQ(sizes_of(full_intra(7, 11, 1)), (std::pair<std::size_t, std::size_t>{28, 20}));
    EXPECT_EQ(sizes_of(full_intra(7, 12, 1)), (std::pair<std::size_t, std::size_t>{8, 0}));
    EXPECT_EQ(sizes_of(receiver_estimate(7, 9, 500'000)), (std::pair<std::size_t, std::size_t>{32, 24}));
    EXPECT_EQ(sizes_of(receiver_estimate(7, 10, 500'000)), (std::pair<std::size_t, std::size_t>{8, 0}));
    const std::array<std::uint16_t, 1> missing{5};
    EXPECT_EQ(sizes_of(nack(7, 9, missing)), (std::pair<std::size_t, std::size_t>{24, 16}));
}

TEST(ReadFeedback, AnythingIsReadWithoutHarm) {
    std::minstd_rand random{3};
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::byte> packet(random() % 60);
        for (auto& octet : packet) octet = static_cast<std::byte>(random());
        if (packet.size() > 4) {
            packet[0] = static_cast<std::byte>(0x80 | random() % 32);
            packet[1] = static_cast<std::byte>(200 + random() % 8);
            store_u16(&packet[2], static_cast<std::uint16_t>(random() % 16));
        }
        read_feedback(packet, [](const Feedback&) {});
        const std::array<std::uint32_t, 1> kept{static_cast<std::uint32_t>(random())};
        auto copy = packet;
        EXPECT_LE(only_feedback(copy, kept), copy.size());
        EXPECT_LE(without_feedback(packet, kept), packet.size());
    }
}

}  // namespace
}  // namespace carillon::rtp
