#include "codecs/vpx/vpx_codec.h"

#include <gtest/gtest.h>

#include <cmath>

namespace carillon::codecs::vpx {
namespace {

/// A bright disc that wanders over a slope.
Picture scene(unsigned width, unsigned height, unsigned number) {
    auto picture = Picture::make(width, height);
    const double cx = width / 2.0 + width / 4.0 * std::sin(number / 10.0);
    const double cy = height / 2.0 + height / 4.0 * std::cos(number / 10.0);
    for (unsigned y = 0; y < height; ++y)
        for (unsigned x = 0; x < width; ++x)
            picture.y[std::size_t{y} * width + x] =
                std::hypot(x - cx, y - cy) < height / 6.0 ? 220 : static_cast<std::uint8_t>(40 + 100 * x / width);
    return picture;
}

class Vpx : public testing::TestWithParam<Format> {};

TEST_P(Vpx, PicturesComeBackAlike) {
    Encoder encoder{GetParam(), {.width = 322, .height = 242, .bitrate = 800'000}};
    Decoder decoder{GetParam()};
    for (unsigned i = 0; i < 30; ++i) {
        const auto sent = scene(322, 242, i);
        const auto frame = encoder.encode(sent);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->key, i == 0);
        const auto shown = decoder.decode(frame->data);
        ASSERT_TRUE(shown);
        EXPECT_EQ(shown->width, 322u);
        EXPECT_EQ(shown->u.size(), 161u * 121);
        EXPECT_GT(psnr(sent, *shown), 30) << i;
    }
}

TEST_P(Vpx, AKeyFrameComesWhenItIsAskedFor) {
    Encoder encoder{GetParam(), {.width = 160, .height = 120}};
    Decoder late{GetParam()};
    for (unsigned i = 0; i < 5; ++i) ASSERT_TRUE(encoder.encode(scene(160, 120, i)));
    const auto between = encoder.encode(scene(160, 120, 5));
    ASSERT_TRUE(between);
    EXPECT_FALSE(late.decode(between->data)) << "nothing to begin with";
    const auto key = encoder.encode(scene(160, 120, 6), true);
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->key);
    EXPECT_TRUE(late.decode(key->data));
}

TEST_P(Vpx, KeepsToItsBitrateAndToANewOne) {
    Encoder encoder{GetParam(), {.width = 320, .height = 240, .bitrate = 600'000}};
    auto octets = [&, i = 0u]() mutable {
        std::size_t sum = 0;
        for (unsigned k = 0; k < 60; ++k) {
            auto noisy = scene(320, 240, ++i);
            for (std::size_t n = 0; n < noisy.y.size(); ++n)
                noisy.y[n] ^= static_cast<std::uint8_t>((n * 31 + i * 7) % 23);
            if (const auto frame = encoder.encode(noisy)) sum += frame->data.size();
        }
        return sum;
    };
    const auto first = octets();
    ASSERT_TRUE(encoder.set_bitrate(150'000));
    octets();
    const auto then = octets();
    EXPECT_LT(then, first / 2);
    EXPECT_LT(static_cast<double>(then) * 8 / 2, 250'000);
}

TEST_P(Vpx, RefusesWhatIsNoFrameAndNoPictureOfItsSize) {
    Encoder encoder{GetParam(), {.width = 160, .height = 120}};
    EXPECT_FALSE(encoder.encode(scene(162, 120, 0)));
    Decoder decoder{GetParam()};
    EXPECT_FALSE(decoder.decode({}));
    EXPECT_FALSE(decoder.decode(as_bytes("no frame at all, and longer than a header")));
    EXPECT_THROW((Encoder{GetParam(), {.width = 0, .height = 0}}), std::runtime_error);
}

TEST_P(Vpx, DamagedFramesDoNoHarm) {
    Encoder encoder{GetParam(), {.width = 160, .height = 120}};
    Decoder decoder{GetParam()};
    std::uint32_t seed = 7;
    for (unsigned i = 0; i < 60; ++i) {
        auto frame = encoder.encode(scene(160, 120, i), i % 20 == 0);
        ASSERT_TRUE(frame);
        for (unsigned k = 0; k < i % 7; ++k) {
            seed = seed * 1664525 + 1013904223;
            frame->data[12 % frame->data.size() + (seed >> 8) % (frame->data.size() - 12 % frame->data.size())] ^=
                static_cast<std::byte>(seed);
        }
        if (i % 11 == 3) frame->data.resize(frame->data.size() / 2);
        (void)decoder.decode(frame->data);
    }
    const auto good = encoder.encode(scene(160, 120, 60), true);
    ASSERT_TRUE(good);
    const auto shown = decoder.decode(good->data);
    ASSERT_TRUE(shown) << "a key frame heals it";
    EXPECT_GT(psnr(scene(160, 120, 60), *shown), 28);
}

TEST(Vp8Decoder, APictureOfGigabytesIsRefused) {
    // A key frame's header that says 16383 by 16383 (RFC 6386 §9.1).
    std::vector<std::byte> frame(64);
    const std::uint8_t head[] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F};
    for (std::size_t i = 0; i < sizeof head; ++i) frame[i] = std::byte{head[i]};
    Decoder decoder{Format::vp8};
    EXPECT_FALSE(decoder.decode(frame));
}

INSTANTIATE_TEST_SUITE_P(Both, Vpx, testing::Values(Format::vp8, Format::vp9),
                         [](const auto& each) { return each.param == Format::vp8 ? "Vp8" : "Vp9"; });

}  // namespace
}  // namespace carillon::codecs::vpx
