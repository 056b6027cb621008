#include "codecs/opus/opus_packet.h"

#include <gtest/gtest.h>

#include <array>

#include "codecs/opus/storage_codec.h"

namespace carillon::codecs::opus {
namespace {

using Packet = std::vector<std::byte>;

Packet packet(std::initializer_list<unsigned> octets, std::size_t zeros = 0) {
    Packet out;
    for (const auto octet : octets) out.push_back(static_cast<std::byte>(octet));
    out.resize(out.size() + zeros);
    return out;
}

TEST(Rfc6716S3p1Toc, FrameSizesOfTable2) {
    EXPECT_EQ(frame_samples(0 << 3), 480u) << "SILK narrowband 10 ms";
    EXPECT_EQ(frame_samples(3 << 3), 2880u) << "SILK narrowband 60 ms";
    EXPECT_EQ(frame_samples(9 << 3), 960u) << "SILK wideband 20 ms";
    EXPECT_EQ(frame_samples(12 << 3), 480u) << "hybrid super-wideband 10 ms";
    EXPECT_EQ(frame_samples(15 << 3), 960u) << "hybrid fullband 20 ms";
    EXPECT_EQ(frame_samples(16 << 3), 120u) << "CELT narrowband 2.5 ms";
    EXPECT_EQ(frame_samples(31 << 3), 960u) << "CELT fullband 20 ms";
}

TEST(Rfc6716S3p2Framing, CountsFramesOfEachCode) {
    EXPECT_EQ(PacketInfo::parse(packet({31 << 3}, 40))->samples, 960u);
    EXPECT_EQ(PacketInfo::parse(packet({(31 << 3) | 1}, 40))->samples, 1920u);
    EXPECT_EQ(PacketInfo::parse(packet({(31 << 3) | 2, 10}, 40))->samples, 1920u);
    EXPECT_EQ(PacketInfo::parse(packet({(31 << 3) | 3, 0x06}, 60))->samples, 5760u) << "six frames of one length";
    EXPECT_EQ(PacketInfo::parse(packet({(31 << 3) | 3, 0x83, 5, 6}, 20))->frames, 3u) << "three of their own";
    EXPECT_EQ(PacketInfo::parse(packet({(31 << 3) | 3, 0x42, 3}, 43))->frames, 2u) << "padded";
    EXPECT_TRUE(PacketInfo::parse(packet({(31 << 3) | 4}, 3))->stereo());
}

TEST(Rfc6716S3p4Malformed, EachRequirementIsKept) {
    EXPECT_FALSE(PacketInfo::parse({})) << "R1";
    EXPECT_FALSE(PacketInfo::parse(packet({31 << 3}, 1276))) << "R2";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 1}, 41))) << "R3";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 2, 50}, 40))) << "R4";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 2, 252}))) << "R4, half a length";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 3, 0x07}, 70))) << "R5: 140 ms";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 3, 0x00}, 70))) << "R5: no frame";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 3, 0x02}, 41))) << "R6";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 3, 0x42, 60}, 40))) << "R6, more padding than octets";
    EXPECT_FALSE(PacketInfo::parse(packet({(31 << 3) | 3, 0x82, 60}, 40))) << "R7";
}

TEST(Rfc7845S4p1Gaps, FillingLastsAsLongAsTheGapAndDecodes) {
    for (const std::uint8_t configuration : {1, 3, 5, 9, 11, 12, 15, 16, 19, 23, 28, 31}) {
        const auto toc = static_cast<std::uint8_t>(configuration << 3);
        for (const std::uint64_t gap : {0u, 119u, 120u, 480u, 960u, 1080u, 5760u, 48'000u, 48'120u, 2'880'000u}) {
            StorageDecoder decoder{48'000};
            std::array<std::int16_t, kLongestPacket> pcm{};
            std::uint64_t sum = 0, decoded = 0;
            for (const auto& each : filling(toc, gap)) {
                const auto info = PacketInfo::parse(each);
                ASSERT_TRUE(info);
                sum += info->samples;
                if (gap < 50'000) decoded += decoder.decode(each, pcm);
            }
            EXPECT_EQ(sum, gap / 120 * 120) << unsigned{configuration};
            if (gap < 50'000) {
                EXPECT_EQ(decoded, sum) << unsigned{configuration} << " gap " << gap;
            }
        }
    }
}

TEST(OpusForStorage, EveryRateComesBackAsLongAsItWent) {
    for (const unsigned rate : {8'000u, 16'000u, 48'000u}) {
        StorageEncoder encoder{{.sample_rate = rate}};
        StorageDecoder decoder{rate};
        EXPECT_GE(encoder.look_ahead(), 120u);
        EXPECT_LE(encoder.look_ahead(), 480u);
        std::vector<std::int16_t> frame(rate / 50, 1000), out(frame.size());
        std::array<std::byte, 1275> payload{};
        const auto size = encoder.encode(frame, payload);
        ASSERT_GT(size, 0u);
        EXPECT_EQ(PacketInfo::parse(Bytes{payload}.first(size))->samples, 960u);
        EXPECT_EQ(decoder.decode(Bytes{payload}.first(size), out), frame.size());
    }
}

}  // namespace
}  // namespace carillon::codecs::opus
