/// What losses leave of a voice: 0 to 20 % of the packets, with what the receiver does about them (in-band FEC of Opus,
/// concealment) and without; and Opus as other ends send it: in stereo, with pauses.
/// Spec: RFC 6716 §2.1.7, §4.4 (FEC, concealment); RFC 7587 §3.1.3 (DTX), §3.4 (stereo is decoded by mono receivers).
#include <gtest/gtest.h>
#include <opus/opus.h>

#include <cmath>
#include <iostream>
#include <numbers>
#include <random>

#include "media/quality/e_model.h"
#include "media/quality/similarity.h"
#include "media/rtp/rtp_stream.h"
#include "relay/media/audio_receiver.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kRate = 8000;
constexpr std::size_t kFrame = kRate / 50;
constexpr std::size_t kSeconds = 6;

/// Something like a voice: syllables of a gliding pitch with formants, pauses, a little noise.
std::vector<std::int16_t> voice() {
    std::vector<std::int16_t> out(kSeconds * kRate);
    std::mt19937 random{3};
    double phase = 0, pitch = 120, loud = 0, formant = 500;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i % 1600 == 0) {  // a syllable is 200 ms
            pitch = 100 + random() % 120;
            formant = 300 + random() % 1500;
            loud = random() % 5 == 0 ? 0 : 3000 + random() % 5000;
        }
        pitch += 0.004;
        phase += 2 * std::numbers::pi * pitch / kRate;
        double sample = 0;
        for (int k = 1; k < 16; ++k) sample += std::sin(k * phase) / (1 + std::abs(k * pitch - formant) / 200);
        const double swell = std::sin(std::numbers::pi * static_cast<double>(i % 1600) / 1600);
        out[i] = static_cast<std::int16_t>(loud * swell * sample / 3 + static_cast<double>(random() % 80) - 40);
    }
    return out;
}

struct Heard {
    double with = 0;     ///< likeness of what the receiver makes
    double without = 0;  ///< and of holes
};

Heard likeness(const char* codec, double loss, const std::vector<std::int16_t>& said) {
    const api::AudioFormat format{.codec = codec, .payload_type = 96};
    const codecs::CodecOptions options{.sample_rate = kRate, .bitrate = 24'000};
    const auto encoder = codecs::make_encoder(*codec_of(format), options);
    const auto plain = codecs::make_decoder(*codec_of(format), options);
    AudioReceiver receiver{format, {}, kRate};
    rtp::RtpSender sender{1, 0, 0};
    std::mt19937 random{11};
    std::vector<std::int16_t> with, without;
    SteadyTime now{1h};
    for (std::size_t at = 0; at + kFrame <= said.size(); at += kFrame) {
        std::array<std::byte, 500> payload{};
        const auto size = encoder->encode(codecs::Samples{said}.subspan(at, kFrame), payload);
        const auto packet = sender.packet(96, false, Bytes{payload}.first(size), clock_rate_of(format) / 50);
        const bool lost = std::uniform_real_distribution<>{}(random) < loss;
        std::array<std::int16_t, kFrame> pcm{};
        if (!lost) {
            receiver.on_rtp(packet, now);
            plain->decode(Bytes{payload}.first(size), pcm);
        }
        without.insert(without.end(), pcm.begin(), pcm.end());
        const auto heard = receiver.frame();
        with.insert(with.end(), heard.samples.begin(), heard.samples.end());
        now += 20ms;
    }
    return {quality::compare(said, with, kRate).correlation, quality::compare(said, without, kRate).correlation};
}

double opinion(const quality::CodecImpairment& codec, double loss) {
    return quality::mean_opinion_score(quality::transmission_rating({.loss = loss, .one_way = 100ms, .codec = codec}));
}

TEST(LossSweep, WhatIsDoneAboutLossesHelps) {
    const auto said = voice();
    double opus_before = 1, law_before = 1;
    std::cout << "loss  opus: FEC and PLC, holes | G.711: PLC, holes | MOS opus, G.711 with PLC, without\n";
    for (const double loss : {0.0, 0.02, 0.05, 0.10, 0.15, 0.20}) {
        const auto opus = likeness("opus", loss, said);
        const auto law = likeness("PCMU", loss, said);
        std::cout << loss * 100 << "%  " << opus.with << ' ' << opus.without << " | " << law.with << ' ' << law.without
                  << " | " << opinion(quality::kOpus, loss) << ' ' << opinion(quality::kG711WithConcealment, loss)
                  << ' ' << opinion(quality::kG711Plain, loss) << '\n';
        if (loss == 0) {
            EXPECT_GT(opus.with, 0.9);
            EXPECT_GT(law.with, 0.99);
            continue;
        }
        EXPECT_GT(opus.with, opus.without) << loss;
        EXPECT_GT(law.with, law.without) << loss;
        EXPECT_LT(opus.with, opus_before + 0.01) << "more loss is not better";
        EXPECT_LT(law.with, law_before + 0.01);
        opus_before = opus.with, law_before = law.with;
        EXPECT_GT(opinion(quality::kG711WithConcealment, loss), opinion(quality::kG711Plain, loss));
        EXPECT_GT(opinion(quality::kG711WithConcealment, loss), opinion(quality::kG711WithConcealment, loss + 0.01));
    }
    EXPECT_GT(opus_before, 0.85) << "at 20 %";
}

struct Free {
    void operator()(OpusEncoder* state) const { opus_encoder_destroy(state); }
};
using OtherEnd = std::unique_ptr<OpusEncoder, Free>;

double level(codecs::Samples samples) {
    double sum = 0;
    for (const auto sample : samples) sum += static_cast<double>(sample) * sample;
    return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

TEST(Rfc7587S3p4Stereo, IsHeardAsMono) {
    const OtherEnd encoder{opus_encoder_create(48'000, 2, OPUS_APPLICATION_AUDIO, nullptr)};
    opus_encoder_ctl(encoder.get(), OPUS_SET_FORCE_CHANNELS(2));
    AudioReceiver receiver{{.codec = "opus", .payload_type = 96}};
    rtp::RtpSender sender{1, 0, 0};
    std::vector<std::int16_t> heard;
    double n = 0;
    for (int i = 0; i < 100; ++i) {
        std::vector<std::int16_t> frame(2 * 960);
        for (std::size_t k = 0; k < 960; ++k, ++n) {  // the left side alone
            frame[2 * k] = static_cast<std::int16_t>(8000 * std::sin(2 * std::numbers::pi * 440 * n / 48'000));
        }
        std::array<unsigned char, 1500> room{};
        const auto size = opus_encode(encoder.get(), frame.data(), 960, room.data(), room.size());
        ASSERT_NE(room[0] & 4, 0) << "RFC 6716 §3.1: stereo";
        receiver.on_rtp(
            sender.packet(96, false, std::as_bytes(std::span{room}.first(static_cast<std::size_t>(size))), 960),
            SteadyTime{1h} + i * 20ms);
        const auto part = receiver.frame();
        EXPECT_TRUE(part.samples.empty() || part.samples.size() == 960);
        heard.insert(heard.end(), part.samples.begin(), part.samples.end());
    }
    ASSERT_GT(heard.size(), 90u * 960);
    EXPECT_NEAR(level(codecs::Samples{heard}.last(48'000)), 8000 / std::sqrt(2) / 2, 300)
        << "half of what one side has";
}

TEST(Rfc7587S3p1p3Dtx, PausesArePausesAndTheVoiceComesBack) {
    const OtherEnd encoder{opus_encoder_create(48'000, 1, OPUS_APPLICATION_VOIP, nullptr)};
    opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(1));
    AudioReceiver receiver{{.codec = "opus", .payload_type = 96}};
    rtp::RtpSender sender{1, 0, 0};
    double n = 0;
    unsigned unsent = 0, guessed = 0;
    std::array<std::vector<std::int16_t>, 3> heard;  // speaking, silent, speaking again
    for (int i = 0; i < 300; ++i) {
        const bool speaks = i < 100 || i >= 200;
        std::vector<std::int16_t> frame(960);
        for (auto& sample : frame) {
            const double loud = speaks ? 8000 * (0.6 + 0.4 * std::sin(n / 4000)) : 0;
            sample = static_cast<std::int16_t>(loud * std::sin(2 * std::numbers::pi * 300 * n++ / 48'000));
        }
        std::array<unsigned char, 1500> room{};
        const auto size = opus_encode(encoder.get(), frame.data(), 960, room.data(), room.size());
        if (size > 2) {
            receiver.on_rtp(
                sender.packet(96, false, std::as_bytes(std::span{room}.first(static_cast<std::size_t>(size))), 960),
                SteadyTime{1h} + i * 20ms);
        } else {  // not sent; time goes on, numbers do not
            sender.pass(960);
            ++unsent;
        }
        const auto part = receiver.frame();
        guessed += part.kind == AudioReceiver::Heard::Kind::guessed;
        auto& into = heard[i < 100 ? 0 : i < 200 ? 1 : 2];
        into.insert(into.end(), part.samples.begin(), part.samples.end());
    }
    EXPECT_GT(unsent, 60u) << "it makes pauses";
    EXPECT_LE(guessed, 25u) << "a pause is no loss";
    EXPECT_GT(level(codecs::Samples{heard[0]}.last(960 * 20)), 2000);
    EXPECT_LT(level(codecs::Samples{heard[1]}.last(std::min<std::size_t>(960 * 20, heard[1].size()))), 100);
    EXPECT_GT(level(codecs::Samples{heard[2]}.last(960 * 20)), 2000);
}

}  // namespace
}  // namespace carillon::relay
