/// H.264 in RTP: what kind of packet NAL units become, and that they come out as they went in.
#include "media/video/h264_payload.h"

#include <gtest/gtest.h>

#include <random>

#include "codecs/video/video_codec.h"
#include "media/video/frame_assembler.h"

namespace carillon::video {
namespace {

using Payload = std::vector<std::byte>;

/// A NAL unit of that head and size; its octets make no start code.
Payload unit(unsigned head, std::size_t size) {
    Payload out(size, std::byte{0x55});
    out[0] = static_cast<std::byte>(head);
    return out;
}

Payload stream(const std::vector<Payload>& units) {
    Payload out;
    for (const auto& each : units) {
        for (const unsigned octet : {0u, 0u, 0u, 1u}) out.push_back(static_cast<std::byte>(octet));
        out.insert(out.end(), each.begin(), each.end());
    }
    return out;
}

unsigned kind(const Payload& packet) { return std::to_integer<unsigned>(packet[0]) & 0x1F; }

Payload joined(const std::vector<Payload>& packets) {
    Payload out;
    for (const auto& packet : packets) {
        const auto read = H264Payload::parse(packet);
        EXPECT_TRUE(read);
        if (read) out.insert(out.end(), read->data.begin(), read->data.end());
    }
    return out;
}

TEST(Rfc6184S5p7p1Aggregation, SmallUnitsShareAPacket) {
    const auto sent = stream({unit(0x67, 20), unit(0x68, 6), unit(0x65, 500)});
    const auto packets = packetize_h264(sent, 1000);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(kind(packets[0]), 24U);
    EXPECT_EQ(std::to_integer<unsigned>(packets[0][0]) & 0x60, 0x60U) << "the most important of its units";
    EXPECT_EQ(packets[0].size(), 1U + 2 + 20 + 2 + 6 + 2 + 500);
    EXPECT_EQ(joined(packets), sent);
    EXPECT_TRUE(H264Payload::parse(packets[0])->key);
}

TEST(Rfc6184S5p6SingleUnit, OneAloneGoesAsItIs) {
    const auto packets = packetize_h264(stream({unit(0x41, 700)}), 1000);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0], unit(0x41, 700));
}

TEST(Rfc6184S5p8Fragments, LargeUnitsGoInPieces) {
    const auto sent = stream({unit(0x67, 20), unit(0x68, 6), unit(0x65, 2500), unit(0x06, 10)});
    const auto packets = packetize_h264(sent, 1000);
    ASSERT_EQ(packets.size(), 5U);
    EXPECT_EQ(kind(packets[0]), 24U);
    for (std::size_t i = 1; i <= 3; ++i) {
        EXPECT_EQ(kind(packets[i]), 28U);
        const auto head = std::to_integer<unsigned>(packets[i][1]);
        EXPECT_EQ(head >> 6, i == 1 ? 2U : i == 3 ? 1U : 0U) << "S, E";
        EXPECT_EQ(head & 0x1F, 5U);
    }
    EXPECT_EQ(kind(packets[4]), 6U);
    EXPECT_EQ(joined(packets), sent);
}

TEST(Rfc6184Packets, AreNeverLargerThanTheyMay) {
    std::minstd_rand random{5};
    for (int round = 0; round < 300; ++round) {
        std::vector<Payload> units;
        for (unsigned i = 0; i <= random() % 6; ++i) units.push_back(unit(0x41, 2 + random() % 300));
        const auto most = 3 + random() % 200;
        const auto packets = packetize_h264(stream(units), most);
        for (const auto& packet : packets) EXPECT_LE(packet.size(), most);
        EXPECT_EQ(joined(packets), stream(units));
    }
}

TEST(Rfc6184Packets, APictureIsTheSameBehindThem) {
    const auto encoder = codecs::make_video_encoder(codecs::VideoCodec::h264, {.width = 320, .height = 240});
    FrameAssembler assembler{VideoFormat::h264};
    rtp::Header header;
    auto picture = codecs::Picture::make(320, 240);
    for (unsigned i = 0; i < 10; ++i) {
        for (std::size_t n = 0; n < picture.y.size(); ++n) picture.y[n] = static_cast<std::uint8_t>(n * (i + 3));
        const auto frame = encoder->encode(picture, i == 5);
        ASSERT_TRUE(frame);
        const auto packets = packetize_h264(frame->data, 1100);
        header.timestamp += 3000;
        for (std::size_t k = 0; k < packets.size(); ++k) {
            ++header.sequence.value;
            header.marker = k + 1 == packets.size();
            ASSERT_TRUE(assembler.put(header, packets[k]));
        }
        const auto read = assembler.take();
        ASSERT_TRUE(read) << i;
        EXPECT_EQ(read->key, i == 0 || i == 5);
        EXPECT_EQ(with_sizes(read->data), with_sizes(frame->data));
    }
}

}  // namespace
}  // namespace carillon::video
