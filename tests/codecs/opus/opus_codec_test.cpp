#include "codecs/opus/opus_codec.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace carillon::codecs {
namespace {

constexpr std::size_t kFrame = 960;  // 20 ms at 48 kHz

std::vector<std::int16_t> tone(std::size_t samples, double hertz) {
    std::vector<std::int16_t> out(samples);
    for (std::size_t i = 0; i < samples; ++i) {
        out[i] =
            static_cast<std::int16_t>(8000 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / 48000));
    }
    return out;
}

double energy(Samples samples) {
    double sum = 0;
    for (const auto sample : samples) sum += static_cast<double>(sample) * sample;
    return sum / static_cast<double>(samples.size());
}

TEST(Rfc6716Opus, AToneSurvivesTheRoundTrip) {
    const auto sent = tone(kFrame * 25, 440);
    auto encoder = make_encoder(AudioCodec::opus);
    auto decoder = make_decoder(AudioCodec::opus);
    std::vector<std::int16_t> received;
    for (std::size_t at = 0; at < sent.size(); at += kFrame) {
        std::array<std::byte, 1500> packet{};
        const auto bytes = encoder->encode(Samples{sent}.subspan(at, kFrame), packet);
        ASSERT_GT(bytes, 0U);
        ASSERT_LT(bytes, 400U);
        std::array<std::int16_t, 5760> frame{};
        ASSERT_EQ(decoder->decode(Bytes{packet}.first(bytes), frame), kFrame);
        received.insert(received.end(), frame.begin(), frame.begin() + kFrame);
    }
    // After the codec's look-ahead the tone is there with its energy, and its period fits: 440 Hz correlates with
    // itself.
    double best = 0;
    const auto tail = Samples{received}.subspan(kFrame * 10, kFrame * 5);
    for (std::size_t lag = 0; lag < 1000; ++lag) {
        double dot = 0;
        const auto reference = Samples{sent}.subspan(kFrame * 10 - lag, tail.size());
        for (std::size_t i = 0; i < tail.size(); ++i) dot += static_cast<double>(tail[i]) * reference[i];
        best = std::max(best, dot / static_cast<double>(tail.size()) / std::sqrt(energy(tail) * energy(reference)));
    }
    EXPECT_GT(best, 0.98);
    EXPECT_NEAR(energy(tail) / energy(Samples{sent}), 1.0, 0.2);
}

TEST(Rfc6716Opus, ConcealsALostFrameThenFallsSilent) {
    const auto sent = tone(kFrame * 5, 300);
    auto encoder = make_encoder(AudioCodec::opus);
    auto decoder = make_decoder(AudioCodec::opus);
    std::array<std::int16_t, kFrame> frame{};
    for (std::size_t at = 0; at < sent.size(); at += kFrame) {
        std::array<std::byte, 1500> packet{};
        const auto bytes = encoder->encode(Samples{sent}.subspan(at, kFrame), packet);
        decoder->decode(Bytes{packet}.first(bytes), frame);
    }
    decoder->conceal(frame);
    EXPECT_GT(energy(frame), 1e5);
    for (int i = 0; i < 100; ++i) decoder->conceal(frame);
    EXPECT_LT(energy(frame), 1e3);
}

TEST(Rfc6716Opus, RefusesGarbageAndEmptyPayloads) {
    auto decoder = make_decoder(AudioCodec::opus);
    std::array<std::int16_t, kFrame> frame{};
    EXPECT_EQ(decoder->decode({}, frame), 0U);
    // Code 3 packet that promises 48 frames of 60 ms: over the 120 ms of RFC 6716 §3.2.5 [R5].
    const std::array garbage{std::byte{0x1B}, std::byte{0x30}};
    EXPECT_EQ(decoder->decode(garbage, frame), 0U);
}

TEST(AudioCodecNames, CompareWithoutLetterCase) {
    EXPECT_EQ(codec_named("OPUS"), AudioCodec::opus);
    EXPECT_EQ(codec_named("pcmu"), AudioCodec::pcmu);
    EXPECT_EQ(codec_named("speex"), std::nullopt);
    EXPECT_EQ(format_of(AudioCodec::opus).channels, 2U);
}

}  // namespace
}  // namespace carillon::codecs
