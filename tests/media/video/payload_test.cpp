/// VP8 and VP9 in RTP: descriptors octet by octet, frames through packets that get lost, late and doubled.
#include <gtest/gtest.h>

#include "codecs/vpx/vpx_codec.h"
#include "media/video/frame_assembler.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"

namespace carillon::video {
namespace {

using Payload = std::vector<std::byte>;

Payload octets(std::initializer_list<unsigned> values) {
    Payload out;
    for (const auto value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

TEST(Rfc7741S4p2Descriptor, ReadsEachField) {
    const auto bare = Vp8Descriptor::parse(octets({0x10, 0xAA}));
    ASSERT_TRUE(bare);
    EXPECT_TRUE(bare->starts_frame());
    EXPECT_EQ(bare->size, 1u);
    EXPECT_FALSE(bare->picture_id);
    // X N S PID 3; I L T K; 15 bits of picture id; TL0PICIDX; TID 2, Y, KEYIDX 17.
    const auto full = Vp8Descriptor::parse(octets({0xB3, 0xF0, 0x92, 0x34, 0x56, 0xB1, 0xAA}));
    ASSERT_TRUE(full);
    EXPECT_TRUE(full->non_reference && full->start && full->long_picture_id && full->layer_sync);
    EXPECT_EQ(full->partition, 3);
    EXPECT_FALSE(full->starts_frame());
    EXPECT_EQ(full->picture_id, 0x1234);
    EXPECT_EQ(full->tl0_picture_index, 0x56);
    EXPECT_EQ(full->temporal_layer, 2);
    EXPECT_EQ(full->key_index, 17);
    EXPECT_EQ(full->size, 6u);
    const auto shorter = Vp8Descriptor::parse(octets({0x90, 0x80, 0x11, 0xAA}));
    ASSERT_TRUE(shorter);
    EXPECT_EQ(shorter->picture_id, 0x11);
}

TEST(Rfc7741S4p2Descriptor, WhatEndsTooSoonIsNone) {
    const auto whole = octets({0xB3, 0xF0, 0x92, 0x34, 0x56, 0xB1, 0xAA});
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(Vp8Descriptor::parse(Bytes{whole}.first(size))) << size;
}

TEST(Rfc7741S4p2Descriptor, WhatIsWrittenIsRead) {
    for (const bool long_id : {false, true}) {
        Vp8Descriptor sent{.non_reference = true,
                           .start = true,
                           .picture_id = 99,
                           .long_picture_id = long_id,
                           .tl0_picture_index = 7,
                           .temporal_layer = 1,
                           .layer_sync = true,
                           .key_index = 3};
        Payload payload;
        sent.write(payload);
        payload.push_back({});
        const auto read = Vp8Descriptor::parse(payload);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->picture_id, sent.picture_id);
        EXPECT_EQ(read->long_picture_id, long_id);
        EXPECT_EQ(read->tl0_picture_index, sent.tl0_picture_index);
        EXPECT_EQ(read->temporal_layer, sent.temporal_layer);
        EXPECT_EQ(read->key_index, sent.key_index);
        EXPECT_EQ(read->size, payload.size() - 1);
    }
}

TEST(Rfc6386S9p1FrameHeader, TellsKeyFramesAndTheirSize) {
    const auto key = Vp8FrameHeader::parse(octets({0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}));
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->key && key->shown);
    EXPECT_EQ(key->width, 640);
    EXPECT_EQ(key->height, 480);
    EXPECT_FALSE(Vp8FrameHeader::parse(octets({0x11, 0, 0}))->key);
    EXPECT_FALSE(Vp8FrameHeader::parse(octets({0x10, 0x02, 0x00, 0x9D, 0x01, 0x2B, 0x80, 0x02, 0xE0, 0x01})));
    EXPECT_FALSE(Vp8FrameHeader::parse(octets({0x10, 0x02, 0x00, 0x9D})));
}

TEST(Rfc9628S4p2Descriptor, ReadsEachField) {
    // I P L F B E; picture id of 7 bits; TID 3 U SID 1 D; two references.
    const auto flexible = Vp9Descriptor::parse(octets({0xFC, 0x22, 0x73, 0x03, 0x06, 0xAA}));
    ASSERT_TRUE(flexible);
    EXPECT_EQ(flexible->picture_id, 0x22);
    EXPECT_EQ(flexible->temporal_layer, 3);
    EXPECT_EQ(flexible->spatial_layer, 1);
    EXPECT_TRUE(flexible->switching_up && flexible->inter_layer && flexible->start && flexible->end);
    EXPECT_FALSE(flexible->tl0_picture_index);
    ASSERT_EQ(flexible->reference_count, 2);
    EXPECT_EQ(flexible->references[0], 1);
    EXPECT_EQ(flexible->references[1], 3);
    EXPECT_EQ(flexible->size, 5u);
    // I L B V, not flexible; 15 bits; layers, TL0PICIDX; structure: 2 layers with sizes, a group of 1 with 1
    // difference.
    const auto key = Vp9Descriptor::parse(octets(
        {0xAA, 0x81, 0x02, 0x00, 0x09, 0x38, 0x01, 0x40, 0x00, 0xF0, 0x02, 0x80, 0x01, 0xE0, 0x01, 0x04, 0x01, 0xAA}));
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->is_key() && key->starts_picture());
    EXPECT_EQ(key->picture_id, 0x102);
    EXPECT_EQ(key->tl0_picture_index, 9);
    ASSERT_TRUE(key->structure);
    EXPECT_EQ(key->structure->spatial_layers, 2);
    EXPECT_EQ(key->structure->sizes, (std::vector<Vp9Structure::Size>{{320, 240}, {640, 480}}));
    EXPECT_EQ(key->structure->group_pictures, 1);
    EXPECT_EQ(key->size, 17u);
}

TEST(Rfc9628S4p2Descriptor, WhatContradictsIsNone) {
    const auto whole = octets(
        {0xAA, 0x81, 0x02, 0x00, 0x09, 0x38, 0x01, 0x40, 0x00, 0xF0, 0x02, 0x80, 0x01, 0xE0, 0x01, 0x04, 0x01, 0xAA});
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(Vp9Descriptor::parse(Bytes{whole}.first(size))) << size;
    EXPECT_FALSE(Vp9Descriptor::parse(octets({0xD8, 0x01, 0x03, 0x05, 0x07, 0x08, 0xAA}))) << "four references";
    EXPECT_FALSE(Vp9Descriptor::parse(octets({0xD8, 0x01, 0x00, 0xAA}))) << "predicted from itself";
    EXPECT_FALSE(Vp9Descriptor::parse(octets({0x18, 0xAA}))) << "flexible without a picture id";
}

/// Frames of a codec through packets; `passes(number)` says which go through.
struct Path {
    explicit Path(VideoFormat kind) : format{kind}, assembler{kind} {}

    std::vector<std::pair<rtp::Header, Payload>> packets_of(Bytes frame, bool key) {
        std::vector<Payload> payloads;
        if (format == VideoFormat::vp8) {
            payloads = packetize_vp8(frame,
                                     {.picture_id = id,
                                      .long_picture_id = true,
                                      .tl0_picture_index = {},
                                      .temporal_layer = {},
                                      .key_index = {}},
                                     300);
        } else {
            payloads = packetize_vp9(frame,
                                     {.picture_id = id,
                                      .long_picture_id = true,
                                      .inter_predicted = !key,
                                      .temporal_layer = {},
                                      .spatial_layer = {},
                                      .tl0_picture_index = {},
                                      .structure = {}},
                                     300);
        }
        std::vector<std::pair<rtp::Header, Payload>> out;
        for (auto& payload : payloads) {
            EXPECT_LE(payload.size(), 300u);
            rtp::Header header{.sequence = {sequence++}, .timestamp = timestamp};
            out.emplace_back(header, std::move(payload));
        }
        out.back().first.marker = true;
        timestamp += 3000, id = static_cast<std::uint16_t>((id + 1) & 0x7FFF);
        return out;
    }

    VideoFormat format;
    FrameAssembler assembler;
    std::uint16_t sequence = 65'530, id = 0x7FFA;
    std::uint32_t timestamp = 0xFFFFF000;
};

class VideoPath : public testing::TestWithParam<VideoFormat> {};

codecs::vpx::Format codec_of(VideoFormat format) {
    return format == VideoFormat::vp8 ? codecs::vpx::Format::vp8 : codecs::vpx::Format::vp9;
}

codecs::vpx::Picture scene(unsigned number) {
    auto picture = codecs::vpx::Picture::make(160, 120);
    for (std::size_t i = 0; i < picture.y.size(); ++i)
        picture.y[i] = static_cast<std::uint8_t>(i % 160 + (i / 160 + number * 2) % 80);
    return picture;
}

TEST_P(VideoPath, FramesComeOutAsTheyWentInWhateverTheOrder) {
    Path path{GetParam()};
    codecs::vpx::Encoder encoder{codec_of(GetParam()), {.width = 160, .height = 120}};
    codecs::vpx::Decoder decoder{codec_of(GetParam())};
    unsigned shown = 0;
    for (unsigned i = 0; i < 20; ++i) {
        const auto sent = scene(i);
        const auto frame = encoder.encode(sent);
        ASSERT_TRUE(frame);
        auto packets = path.packets_of(frame->data, frame->key);
        for (auto at = packets.rbegin(); at != packets.rend(); ++at) {  // backwards, and each twice
            EXPECT_TRUE(path.assembler.put(at->first, at->second));
            EXPECT_TRUE(path.assembler.put(at->first, at->second));
        }
        const auto out = path.assembler.take();
        ASSERT_TRUE(out) << i;
        EXPECT_EQ(out->data, frame->data);
        EXPECT_EQ(out->key, i == 0);
        const auto picture = decoder.decode(out->data);
        ASSERT_TRUE(picture);
        EXPECT_GT(codecs::vpx::psnr(sent, *picture), 28);
        ++shown;
    }
    EXPECT_EQ(shown, 20u);
    EXPECT_FALSE(path.assembler.missing());
    EXPECT_EQ(path.assembler.lost_frames(), 0u);
}

TEST_P(VideoPath, ALostPacketCostsItsFrameUntilAKeyFrameComes) {
    Path path{GetParam()};
    codecs::vpx::Encoder encoder{codec_of(GetParam()), {.width = 160, .height = 120}};
    unsigned taken = 0;
    for (unsigned i = 0; i < 12; ++i) {
        const auto frame = encoder.encode(scene(i), i == 8);
        ASSERT_TRUE(frame);
        const auto packets = path.packets_of(frame->data, frame->key);
        for (std::size_t k = 0; k < packets.size(); ++k)
            if (i != 4 || k > 0) path.assembler.put(packets[k].first, packets[k].second);
        while (path.assembler.take()) ++taken;
        if (i == 7) {
            EXPECT_TRUE(path.assembler.missing());
        }
    }
    EXPECT_EQ(taken, 11u);
    EXPECT_FALSE(path.assembler.missing()) << "the key frame";
    EXPECT_EQ(path.assembler.lost_frames(), 1u);
}

TEST_P(VideoPath, PacketsThatMakeNoFrameAreBounded) {
    FrameAssembler assembler{GetParam()};
    const auto payload = GetParam() == VideoFormat::vp8 ? octets({0x10, 0xAA}) : octets({0x08, 0xAA});
    for (unsigned i = 0; i < 20'000; ++i) {
        rtp::Header header{.sequence = {static_cast<std::uint16_t>(2 * i)}, .timestamp = i / 3 * 3000};
        assembler.put(header, payload);
        EXPECT_FALSE(assembler.take());
    }
    EXPECT_TRUE(assembler.missing());
    EXPECT_GT(assembler.lost_frames(), 100u);
}

INSTANTIATE_TEST_SUITE_P(Both, VideoPath, testing::Values(VideoFormat::vp8, VideoFormat::vp9),
                         [](const auto& each) { return each.param == VideoFormat::vp8 ? "Vp8" : "Vp9"; });

}  // namespace
}  // namespace carillon::video
