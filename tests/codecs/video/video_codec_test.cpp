#include "codecs/video/video_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "codecs/video/scale.h"

namespace carillon::codecs {
namespace {

/// A bright disc that wanders over a slope, with colour.
Picture scene(unsigned width, unsigned height, unsigned number) {
    auto picture = Picture::make(width, height);
    const double cx = width / 2.0 + width / 4.0 * std::sin(number / 10.0);
    const double cy = height / 2.0 + height / 4.0 * std::cos(number / 10.0);
    for (unsigned y = 0; y < height; ++y)
        for (unsigned x = 0; x < width; ++x)
            picture.y[std::size_t{y} * width + x] =
                std::hypot(x - cx, y - cy) < height / 6.0 ? 220 : static_cast<std::uint8_t>(40 + 100 * x / width);
    for (std::size_t i = 0; i < picture.u.size(); ++i) picture.u[i] = static_cast<std::uint8_t>(90 + i % 60);
    return picture;
}

class EveryVideoCodec : public testing::TestWithParam<VideoCodec> {
  protected:
    void SetUp() override { ASSERT_TRUE(is_installed(GetParam())) << "scripts/setup installs it"; }
};

TEST_P(EveryVideoCodec, PicturesComeBackAlikeAndAtOnce) {
    const auto encoder = make_video_encoder(GetParam(), {.width = 322, .height = 242, .bitrate = 800'000});
    const auto decoder = make_video_decoder(GetParam());
    for (unsigned i = 0; i < 30; ++i) {
        const auto sent = scene(322, 242, i);
        const auto frame = encoder->encode(sent, false);
        ASSERT_TRUE(frame) << i;
        EXPECT_EQ(frame->key, i == 0);
        const auto shown = decoder->decode(frame->data);
        ASSERT_TRUE(shown) << i;
        EXPECT_EQ(shown->width, 322u);
        EXPECT_EQ(shown->height, 242u);
        EXPECT_GT(psnr(sent, *shown), 30) << i;
    }
}

TEST_P(EveryVideoCodec, AKeyFrameComesWhenItIsAskedFor) {
    const auto encoder = make_video_encoder(GetParam(), {.width = 160, .height = 120});
    for (unsigned i = 0; i < 5; ++i) ASSERT_TRUE(encoder->encode(scene(160, 120, i), false));
    const auto key = encoder->encode(scene(160, 120, 5), true);
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->key);
    const auto shown = make_video_decoder(GetParam());
    EXPECT_TRUE(shown->decode(key->data)) << "it needs nothing from before";
    const auto next = encoder->encode(scene(160, 120, 6), false);
    ASSERT_TRUE(next);
    EXPECT_FALSE(next->key);
    EXPECT_LT(next->data.size(), key->data.size());
}

TEST_P(EveryVideoCodec, KeepsToItsBitrateAndToANewOne) {
    const auto encoder = make_video_encoder(GetParam(), {.width = 320, .height = 240, .bitrate = 800'000});
    auto octets = [&, i = 0u]() mutable {
        std::size_t sum = 0;
        for (unsigned k = 0; k < 90; ++k) {
            auto noisy = scene(320, 240, ++i);
            for (std::size_t n = 0; n < noisy.y.size(); ++n)
                noisy.y[n] ^= static_cast<std::uint8_t>((n * 31 + i * 7) % 23);
            const auto frame = encoder->encode(noisy, false);
            if (frame && k >= 30) sum += frame->data.size();  // the first second settles
        }
        return static_cast<double>(sum * 8) / 2;
    };
    EXPECT_NEAR(octets(), 800'000, 400'000);
    ASSERT_TRUE(encoder->set_bitrate(200'000));
    EXPECT_LT(octets(), 400'000);
}

TEST_P(EveryVideoCodec, AnythingIsDecodedWithoutHarm) {
    std::minstd_rand random{7};
    const auto encoder = make_video_encoder(GetParam(), {.width = 160, .height = 120});
    const auto decoder = make_video_decoder(GetParam());
    for (unsigned i = 0; i < 150; ++i) {
        auto frame = encoder->encode(scene(160, 120, i), i % 10 == 0).value_or(EncodedFrame{}).data;
        if (i % 3 == 1)
            for (unsigned k = 0; k < 8 && !frame.empty(); ++k)
                frame[random() % frame.size()] = static_cast<std::byte>(random());
        if (i % 3 == 2) {
            frame.resize(random() % 400);
            for (auto& octet : frame) octet = static_cast<std::byte>(random());
        }
        const auto shown = decoder->decode(frame);
        EXPECT_LE(shown ? std::uint64_t{shown->width} * shown->height : 0, kMostPixels);
    }
    EXPECT_FALSE(decoder->decode({}));
    const auto key = encoder->encode(scene(160, 120, 0), true);
    ASSERT_TRUE(key);
    EXPECT_TRUE(decoder->decode(key->data) || make_video_decoder(GetParam())->decode(key->data));
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryVideoCodec, testing::ValuesIn(kVideoCodecs),
                         [](const auto& each) { return std::string{encoding_name(each.param)}; });

TEST(VideoCodecNames, InAnyLetterCase) {
    EXPECT_EQ(video_codec_named("vp8"), VideoCodec::vp8);
    EXPECT_EQ(video_codec_named("h264"), VideoCodec::h264);
    EXPECT_FALSE(video_codec_named("H265"));
    EXPECT_FALSE(video_codec_named(""));
}

TEST(H264, OddSizesAreRefused) {
    ASSERT_TRUE(is_installed(VideoCodec::h264));
    EXPECT_THROW(make_video_encoder(VideoCodec::h264, {.width = 161, .height = 120}), std::runtime_error);
}

TEST(Scale, APictureKeepsItsLooks) {
    auto half = Picture::make(160, 120);
    scale(scene(320, 240, 3), half);
    EXPECT_GT(psnr(half, scene(160, 120, 3)), 25);
}

}  // namespace
}  // namespace carillon::codecs
