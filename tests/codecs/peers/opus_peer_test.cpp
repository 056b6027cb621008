/// Opus of every mode, bandwidth and frame length, as our decoder hears it, against FFmpeg's own decoder (which shares
/// no line with libopus) and opusdec, by the measure that decoders of Opus are judged by. Spec: RFC 6716 §2 (modes,
/// bandwidths, lengths), §6.1 (the measure).
#include <gtest/gtest.h>
#include <opus/opus.h>

#include <array>
#include <cmath>
#include <iostream>
#include <memory>
#include <random>

#include "codecs/opus/opus_codec.h"
#include "codecs/opus/opus_packet.h"
#include "media/record/ogg_opus_writer.h"
#include "tests/codecs/opus/opus_score.h"
#include "tests/codecs/peers/peer.h"

namespace carillon::codecs {
namespace {

using test::OpusScore;
using test::Peer;
using Sound = std::vector<std::int16_t>;
using Packets = std::vector<std::vector<std::byte>>;

constexpr unsigned kPreSkip = 312;

struct Case {
    const char* name;
    int application, bandwidth, bitrate;
    double milliseconds;
    int channels = 1;
    bool dtx = false, fec = false, cbr = false;
    unsigned mode = 0;  // by the first octet (RFC 6716 table 2): 0 SILK, 1 hybrid, 2 CELT
};

constexpr int kVoip = OPUS_APPLICATION_VOIP, kLowDelay = OPUS_APPLICATION_RESTRICTED_LOWDELAY,
              kAudio = OPUS_APPLICATION_AUDIO;
constexpr int kNarrow = OPUS_BANDWIDTH_NARROWBAND, kMedium = OPUS_BANDWIDTH_MEDIUMBAND, kWide = OPUS_BANDWIDTH_WIDEBAND,
              kSuperWide = OPUS_BANDWIDTH_SUPERWIDEBAND, kFull = OPUS_BANDWIDTH_FULLBAND;

constexpr std::array kCases{
    Case{"SILK narrow 10 ms", kVoip, kNarrow, 12'000, 10},
    Case{"SILK narrow 60 ms", kVoip, kNarrow, 8'000, 60},
    Case{"SILK medium 20 ms", kVoip, kMedium, 14'000, 20},
    Case{"SILK wide 20 ms", kVoip, kWide, 20'000, 20},
    Case{"SILK wide 40 ms, stereo", kVoip, kWide, 28'000, 40, 2},
    Case{"SILK wide 20 ms, FEC", kVoip, kWide, 24'000, 20, 1, false, true},
    Case{"SILK wide 20 ms, DTX", kVoip, kWide, 16'000, 20, 1, true},
    Case{"hybrid super-wide 10 ms", kVoip, kSuperWide, 28'000, 10, 1, false, false, false, 1},
    Case{"hybrid full 20 ms", kVoip, kFull, 32'000, 20, 1, false, false, false, 1},
    Case{"hybrid full 20 ms, stereo, CBR", kVoip, kFull, 48'000, 20, 2, false, false, true, 1},
    Case{"CELT narrow 20 ms", kLowDelay, kNarrow, 24'000, 20, 1, false, false, false, 2},
    Case{"CELT wide 2.5 ms", kLowDelay, kWide, 64'000, 2.5, 1, false, false, false, 2},
    Case{"CELT super-wide 5 ms", kLowDelay, kSuperWide, 64'000, 5, 1, false, false, false, 2},
    Case{"CELT full 10 ms, stereo", kAudio, kFull, 128'000, 10, 2, false, false, false, 2},
    Case{"CELT full 20 ms, CBR", kAudio, kFull, 96'000, 20, 1, false, false, true, 2},
};

struct Free {
    void operator()(::OpusEncoder* state) const { opus_encoder_destroy(state); }
};

/// 0.3 s of a voice-like sound, a pause in it; the two channels differ.
Sound spoken(std::size_t samples, int channels) {
    Sound out;
    std::mt19937 random{3};
    for (std::size_t i = 0; i < samples; ++i) {
        const double t = static_cast<double>(i) / 48'000;
        const double loud = t > 0.1 && t < 0.16 ? 0 : std::pow(std::sin(2 * M_PI * 6 * t), 2);
        double sum = 0;
        for (int k = 1; k < 40; ++k) sum += std::sin(2 * M_PI * (130 + 40 * t) * k * t + k) / (1 + k / 3.0);
        for (int channel = 0; channel < channels; ++channel)
            out.push_back(static_cast<std::int16_t>(loud * (channel == 0 ? 3500 : 1500) * sum +
                                                    static_cast<double>(random() % 20) - 10));
    }
    return out;
}

Packets encoded(const Case& one) {
    const std::unique_ptr<::OpusEncoder, Free> encoder{
        opus_encoder_create(48'000, one.channels, one.application, nullptr)};
    opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(one.bitrate));
    opus_encoder_ctl(encoder.get(), OPUS_SET_BANDWIDTH(one.bandwidth));
    opus_encoder_ctl(encoder.get(), OPUS_SET_FORCE_CHANNELS(one.channels));
    opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(one.dtx ? 1 : 0));
    opus_encoder_ctl(encoder.get(), OPUS_SET_VBR(one.cbr ? 0 : 1));
    opus_encoder_ctl(encoder.get(), OPUS_SET_INBAND_FEC(one.fec ? 1 : 0));
    opus_encoder_ctl(encoder.get(), OPUS_SET_PACKET_LOSS_PERC(one.fec ? 20 : 0));
    const auto frame = static_cast<std::size_t>(one.milliseconds * 48);
    const auto sound = spoken(14'400 / frame * frame, one.channels);
    Packets out;
    for (std::size_t at = 0; at < sound.size(); at += frame * static_cast<std::size_t>(one.channels)) {
        std::array<unsigned char, 1500> room{};
        const auto size = opus_encode(encoder.get(), &sound[at], static_cast<int>(frame), room.data(), room.size());
        const auto octets = std::as_bytes(std::span{room}.first(static_cast<std::size_t>(std::max(size, 0))));
        out.emplace_back(octets.begin(), octets.end());
    }
    return out;
}

Sound ours(const Packets& packets) {
    opus::OpusDecoder decoder;
    Sound out, room(5760);
    for (const auto& packet : packets) {
        const auto made = decoder.decode(packet, room);
        EXPECT_GT(made, 0U);
        out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(made));
    }
    out.erase(out.begin(), out.begin() + kPreSkip);
    return out;
}

void write(const Peer& peer, const Packets& packets, int channels) {
    auto file = record::OggOpusWriter::create(peer.path("in.opus"),
                                              {.channels = static_cast<unsigned>(channels), .pre_skip = kPreSkip});
    ASSERT_TRUE(file);
    for (const auto& packet : packets) ASSERT_TRUE(file->write(packet));
    ASSERT_TRUE(file->close());
}

TEST(OpusPeer, EveryModeSoundsAsOtherDecodersHaveIt) {
    std::cout << "against FFmpeg's decoder, opusdec\n";
    for (const auto& one : kCases) {
        SCOPED_TRACE(one.name);
        const Peer peer;
        const auto packets = encoded(one);
        const auto toc = std::to_integer<unsigned>(packets[2][0]) >> 3;
        EXPECT_EQ(toc < 12 ? 0U : toc < 16 ? 1U : 2U, one.mode) << "RFC 6716 table 2";
        write(peer, packets, one.channels);
        const auto mine = ours(packets);
        const std::string mono = one.channels == 2 ? "-af 'pan=mono|c0=0.5*c0+0.5*c1' " : "";
        ASSERT_TRUE(peer.ffmpeg("-c:a opus -i in.opus " + mono + "-ar 48000 -f s16le theirs.raw"));
        const auto theirs = OpusScore::of(peer.get<std::int16_t>("theirs.raw"), mine);
        ASSERT_TRUE(peer.run("opusdec --quiet --rate 48000 --no-dither in.opus dec.wav"));
        ASSERT_TRUE(peer.ffmpeg("-i dec.wav " + mono + "-f s16le dec.raw"));
        const auto dec = OpusScore::of(peer.get<std::int16_t>("dec.raw"), mine);
        std::cout << one.name << ": " << theirs << ", " << dec << '\n';
        // 0 is what a decoder has to reach (RFC 6716 §6.1). FFmpeg brings SILK to 48 kHz by a filter of its own, which
        // the RFC leaves to decoders; CELT has nothing of the kind.
        EXPECT_GT(theirs, one.mode == 2 && one.channels == 1 ? 99 : 0);
        EXPECT_GT(dec, one.channels == 2 ? 50 : 99);
    }
}

/// What a lost packet's successor tells of it is nearer to the truth than a guess (RFC 6716 §2.1.7).
TEST(OpusPeer, TheForwardErrorCorrectionOfAPeerIsNearerThanConcealment) {
    const auto packets = encoded({"", kVoip, kWide, 24'000, 20, 1, false, true});
    const auto whole = ours(packets);
    const auto heard = [&](bool recover) {
        opus::OpusDecoder decoder;
        Sound out, room(5760);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            std::size_t made = 960;
            if (i % 6 != 5 || i + 1 == packets.size()) {
                made = decoder.decode(packets[i], room);
            } else if (!recover || decoder.recover(packets[i + 1], std::span{room}.first(960)) != 960) {
                decoder.conceal(std::span{room}.first(960));
            }
            out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(made));
        }
        out.erase(out.begin(), out.begin() + kPreSkip);
        return out;
    };
    const auto recovered = OpusScore::of(whole, heard(true)), concealed = OpusScore::of(whole, heard(false));
    std::cout << "a packet in six lost: recovered " << recovered << ", concealed " << concealed << '\n';
    EXPECT_GT(recovered, concealed);
}

/// Our encoder's packets are what others take for Opus, at every rate that it works at.
TEST(OpusPeer, OurEncoderIsHeardAlikeByAll) {
    for (const unsigned rate : {8000U, 16000U, 48000U}) {
        SCOPED_TRACE(rate);
        const Peer peer;
        opus::OpusEncoder encoder{{.sample_rate = rate}};
        const auto sound = spoken(14'400, 1);
        Packets packets;
        for (std::size_t at = 0; at + 960 <= sound.size(); at += 960) {
            Sound frame;
            for (std::size_t i = 0; i < 960; i += 48'000 / rate) frame.push_back(sound[at + i]);
            std::array<std::byte, 1275> room{};
            packets.emplace_back(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(encoder.encode(frame, room)));
        }
        write(peer, packets, 1);
        ASSERT_TRUE(peer.ffmpeg("-c:a opus -i in.opus -f s16le theirs.raw"));
        EXPECT_GT(OpusScore::of(peer.get<std::int16_t>("theirs.raw"), ours(packets)), 0);
        ASSERT_TRUE(peer.run("opusdec --quiet --rate 48000 --no-dither in.opus dec.wav"));
        ASSERT_TRUE(peer.ffmpeg("-i dec.wav -f s16le dec.raw"));
        EXPECT_GT(OpusScore::of(peer.get<std::int16_t>("dec.raw"), ours(packets)), 99);
    }
}

}  // namespace
}  // namespace carillon::codecs
