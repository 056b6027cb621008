#include "codecs/g722/g722_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace carillon::codecs::g722 {
namespace {

std::vector<std::int16_t> sine(double hertz, std::size_t samples) {
    std::vector<std::int16_t> sound(samples);
    for (std::size_t i = 0; i < samples; ++i)
        sound[i] =
            static_cast<std::int16_t>(8000 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / 16000));
    return sound;
}

/// Signal to noise after the best alignment by whole samples, in dB.
double best_snr(const std::vector<std::int16_t>& sent, const std::vector<std::int16_t>& heard) {
    double best = -100;
    for (std::size_t lag = 0; lag < 40; ++lag) {
        double signal = 0, noise = 0;
        for (std::size_t i = 1000; i + lag < heard.size() && i < sent.size(); ++i) {
            signal += static_cast<double>(sent[i]) * sent[i];
            noise += std::pow(static_cast<double>(sent[i]) - heard[i + lag], 2);
        }
        best = std::max(best, 10 * std::log10(signal / std::max(noise, 1.0)));
    }
    return best;
}

std::vector<std::int16_t> through(const std::vector<std::int16_t>& sound) {
    G722Encoder encoder;
    G722Decoder decoder;
    std::vector<std::int16_t> heard;
    for (std::size_t at = 0; at + 320 <= sound.size(); at += 320) {
        std::vector<std::byte> packet(160);
        std::vector<std::int16_t> frame(320);
        EXPECT_EQ(encoder.encode(Samples{sound}.subspan(at, 320), packet), 160U) << "64 kbit/s: 8 bits for two samples";
        EXPECT_EQ(decoder.decode(packet, frame), 320U);
        heard.insert(heard.end(), frame.begin(), frame.end());
    }
    return heard;
}

// ITU-T G.722 §1.3: 50 to 7000 Hz pass; §2.4.4 asks for far better than telephone quality in both sub-bands.
TEST(G722, BothSubBandsPass) {
    const auto low = sine(1000, 16000), high = sine(5500, 16000);
    EXPECT_GT(best_snr(low, through(low)), 20);
    const auto heard = through(high);
    double energy = 0;
    for (const auto sample : heard) energy += static_cast<double>(sample) * sample;
    EXPECT_GT(std::sqrt(energy / static_cast<double>(heard.size())), 4000) << "5.5 kHz is in the upper sub-band";
}

TEST(G722, RefusesWhatDoesNotFit) {
    G722Encoder encoder;
    G722Decoder decoder;
    std::vector<std::byte> small(10);
    std::vector<std::int16_t> samples(321);
    EXPECT_EQ(encoder.encode(samples, small), 0U) << "an odd number of samples";
    EXPECT_EQ(encoder.encode(Samples{samples}.first(320), small), 0U);
    EXPECT_EQ(decoder.decode({}, samples), 0U);
    EXPECT_EQ(decoder.decode(std::vector<std::byte>(400), samples), 0U);
}

TEST(G722, ConcealmentFadesOut) {
    G722Encoder encoder;
    G722Decoder decoder;
    const auto sound = sine(700, 3200);
    std::vector<std::byte> packet(160);
    std::vector<std::int16_t> frame(320);
    for (std::size_t at = 0; at + 320 <= sound.size(); at += 320) {
        encoder.encode(Samples{sound}.subspan(at, 320), packet);
        decoder.decode(packet, frame);
    }
    std::vector<std::int16_t> guess(1600);
    decoder.conceal(guess);
    EXPECT_NE(guess[10], 0);
    EXPECT_EQ(guess.back(), 0);
}

}  // namespace
}  // namespace carillon::codecs::g722
