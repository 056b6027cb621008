#include "media/capture/stream.h"

#include <gtest/gtest.h>

#include "media/capture/stream_figures.h"
#include "media/capture/unprotect.h"
#include "tests/media/capture/frames.h"

namespace carillon::capture {
namespace {

using namespace carillon::test;
using std::chrono::milliseconds;

Datagram datagram(Octets payload, Time time = {}) {
    return {.time = time, .source = {{}, 1}, .destination = {{}, 2}, .payload = std::move(payload)};
}

TEST(CaptureStreams, SequenceMakesAStream) {
    StreamFinder finder;
    for (std::uint16_t i = 0; i < 10; ++i) finder.add(datagram(rtp_packet(i), i * milliseconds{20}));
    for (std::uint16_t i = 0; i < 10; ++i) finder.add(datagram(rtp_packet(static_cast<std::uint16_t>(i * 999), 8)));
    const auto contents = finder.finish();
    ASSERT_EQ(contents.streams.size(), 1U);
    EXPECT_EQ(contents.streams[0].key.ssrc, 7U);
    EXPECT_EQ(contents.streams[0].packets.size(), 10U);
    EXPECT_EQ(contents.other, 10U);
}

TEST(Rfc8656S12p4ChannelData, MediaInTurnIsFound) {
    StreamFinder finder;
    for (std::uint16_t i = 0; i < 10; ++i) {
        const auto packet = rtp_packet(i);
        ByteWriter channel;
        channel.u16(0x4001);
        channel.u16(static_cast<std::uint16_t>(packet.size()));
        channel.bytes(packet);
        finder.add(datagram(channel.release()));
        ByteWriter indication;
        indication.u16(0x0017);
        indication.u16(static_cast<std::uint16_t>(4 + packet.size()));
        indication.u32(0x2112A442);
        indication.zeros(12);
        indication.u16(0x0013);
        indication.u16(static_cast<std::uint16_t>(packet.size()));
        indication.bytes(packet);
        finder.add(datagram(indication.release()));
    }
    const auto contents = finder.finish();
    ASSERT_EQ(contents.streams.size(), 2U);
    EXPECT_EQ(contents.turn_channel, 10U);
    EXPECT_EQ(contents.turn_indication, 10U);
    EXPECT_EQ(contents.streams[0].key.channel + contents.streams[1].key.channel, 0x4001);
}

TEST(Rfc7983S7, OthersAreCountedByKind) {
    StreamFinder finder;
    finder.add(datagram(octets({22, 254, 253, 0})));
    finder.add(datagram(octets({0x80, 200, 0, 1, 0, 0, 0, 1})));
    finder.add(datagram({}));
    finder.add(datagram(octets({0x40, 1, 0xFF, 0xFF, 1})));
    const auto contents = finder.finish();
    EXPECT_EQ(contents.dtls, 1U);
    EXPECT_EQ(contents.rtcp, 1U);
    EXPECT_EQ(contents.other, 2U);
}

TEST(CaptureBounds, MoreThanTheLimitIsSaid) {
    StreamFinder finder{{.packets = 5}};
    for (std::uint16_t i = 0; i < 5; ++i) EXPECT_TRUE(finder.add(datagram(rtp_packet(i))));
    EXPECT_FALSE(finder.add(datagram(rtp_packet(5))));
    EXPECT_FALSE(finder.finish().truncated.empty());
}

TEST(CaptureFiles, WhatIsNoCaptureIsSaid) {
    const auto contents = read_capture(CARILLON_TEST_DATA "/README.md");
    ASSERT_FALSE(contents);
    EXPECT_NE(contents.error().find("README.md"), std::string::npos);
    EXPECT_FALSE(read_capture("/nonexistent"));
}

TEST(CaptureFiles, ABrowsersCallOpensWithItsKey) {
    const auto contents = read_capture(CARILLON_TEST_DATA "/webrtc-opus-srtp.pcap");
    ASSERT_TRUE(contents);
    ASSERT_EQ(contents->streams.size(), 2U);
    const auto secret = StreamSecret::parse("0x20C23467=FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji");
    ASSERT_TRUE(secret);
    const auto opened = unprotect(contents->streams[0], *secret);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->stream.packets.size(), 501U);
    EXPECT_EQ(opened->rejected, 0U);
    EXPECT_FALSE(unprotect(contents->streams[1], *secret));
    auto anybody = *secret;
    anybody.ssrc.reset();
    EXPECT_FALSE(unprotect(contents->streams[1], anybody)) << "another stream's key opens nothing";
    const auto figures = figures_of(opened->stream.packets, {});
    EXPECT_EQ(figures.lost, 0U);
    EXPECT_GT(figures.mos, 4.0);
    EXPECT_NEAR(figures.seconds, 10.0, 0.1);
}

TEST(Rfc4568S6, KeysAreReadOrRefused) {
    EXPECT_TRUE(StreamSecret::parse("FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji:AES_CM_128_HMAC_SHA1_32"));
    EXPECT_FALSE(StreamSecret::parse("FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji:AEAD_AES_256_GCM")) << "too short";
    EXPECT_FALSE(StreamSecret::parse("FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji:ROT13"));
    EXPECT_FALSE(StreamSecret::parse("zz=FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji"));
    EXPECT_FALSE(StreamSecret::parse(""));
    const auto error = StreamSecret::parse("c2VjcmV0c2VjcmV0").error();
    EXPECT_EQ(error.find("c2Vj"), std::string::npos) << "the key is told to nobody";
}

TEST(Rfc3551Table4, PayloadTypesMeanWhatTheUserSays) {
    PayloadMap map;
    EXPECT_EQ(map.meaning(9).clock_rate, 8000U);
    EXPECT_EQ(map.meaning(111).audio, codecs::AudioCodec::opus);
    EXPECT_EQ(map.meaning(77).name, "unknown");
    EXPECT_TRUE(map.add("77=VP8/90000"));
    EXPECT_EQ(map.meaning(77).clock_rate, 90000U);
    for (const auto* wrong : {"", "=", "128=opus", "x=opus", "5=", "5=a/b", "5=a/999999999"})
        EXPECT_FALSE(map.add(wrong)) << wrong;
}

TEST(StreamFigures, LossReorderAndDuplicatesAreTold) {
    std::vector<CapturedPacket> packets;
    for (const std::uint16_t sequence : {0, 1, 2, 4, 3, 5, 5, 8, 9}) {
        packets.push_back({static_cast<int>(packets.size()) * milliseconds{20}, rtp_packet(sequence)});
    }
    const auto figures = figures_of(packets, {});
    EXPECT_EQ(figures.lost, 2U);
    EXPECT_EQ(figures.reordered, 1U);
    EXPECT_EQ(figures.duplicates, 1U);
    EXPECT_DOUBLE_EQ(figures.longest_gap_ms, 20);
}

}  // namespace
}  // namespace carillon::capture
