/// What both ends of a call hear before it is recorded: packets keep their numbers and get other payloads.
#include "relay/media/announcement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "codecs/audio_codec.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using codecs::AudioCodec;

constexpr unsigned kHertz = 1400;

/// An end that is sent silence, a packet after the other, and listens.
class Listener {
  public:
    Listener(AudioCodec codec, std::uint8_t type, unsigned milliseconds, bool red = false)
        : encoder_{codecs::make_encoder(codec)},
          decoder_{codecs::make_decoder(codec)},
          format_{codecs::format_of(codec)},
          type_{type},
          milliseconds_{milliseconds},
          red_{red} {}

    /// Whether the payload has been replaced.
    bool next(Announcement& announcement, std::size_t leg) {
        const std::vector<std::int16_t> silence(format_.sample_rate * milliseconds_ / 1000);
        std::array<std::byte, 2000> payload{};
        const auto size = encoder_->encode(silence, payload);
        ByteWriter out;
        out.u8(0x80), out.u8(red_ ? 63 : type_), out.u16(number_), out.u32(timestamp_), out.u32(9);
        if (red_) out.u8(type_);
        out.bytes(Bytes{payload}.first(size));
        auto packet = out.release();
        const auto before = packet.size();
        const std::vector<std::byte> was = packet;
        packet.resize(2000);
        const auto now = announcement.replace(leg, packet, before);
        packet.resize(now);
        EXPECT_TRUE(std::equal(was.begin(), was.begin() + 12, packet.begin())) << "the head stays";
        ++number_, timestamp_ += format_.clock_rate * milliseconds_ / 1000;
        std::vector<std::int16_t> pcm(format_.sample_rate / 5);
        const auto heard = decoder_->decode(Bytes{packet}.subspan(red_ ? 13 : 12), pcm);
        EXPECT_EQ(heard, silence.size());
        sound.insert(sound.end(), pcm.begin(), pcm.begin() + static_cast<std::ptrdiff_t>(heard));
        return packet != was;
    }
    /// Of the tone, 0 to 1 of full scale.
    double loudness(double from, double to) const {
        double re = 0, im = 0;
        const auto rate = format_.sample_rate;
        const auto first = static_cast<std::size_t>(from * rate), last = static_cast<std::size_t>(to * rate);
        for (auto i = first; i < last; ++i) {
            const double angle = 2 * std::numbers::pi * kHertz * static_cast<double>(i) / rate;
            re += sound[i] * std::cos(angle), im += sound[i] * std::sin(angle);
        }
        return 2 * std::hypot(re, im) / static_cast<double>(last - first) / 32'768;
    }
    std::vector<std::int16_t> sound;

  private:
    std::unique_ptr<codecs::Encoder> encoder_;
    std::unique_ptr<codecs::Decoder> decoder_;
    codecs::AudioFormat format_;
    std::uint8_t type_;
    unsigned milliseconds_;
    bool red_;
    std::uint16_t number_ = 65'534;
    std::uint32_t timestamp_ = 0xFFFF'FF00;
};

class Announcing : public testing::Test {
  protected:
    Announcing() {
        const auto made = AnnouncementSound::create(library, {.file = {}, .tone_hz = kHertz, .duration = 500ms},
                                                    {"PCMU/8000", "PCMA/8000", "G722/8000", "opus/48000", "L16/16000",
                                                     "telephone-event/8000", "red/48000", "ilbc/8000"});
        EXPECT_TRUE(made) << made.error();
        sound = *made;
        const record::PayloadNames names{{0, "PCMU/8000"},
                                         {8, "PCMA/8000"},
                                         {9, "G722/8000"},
                                         {111, "opus/48000"},
                                         {96, "L16/16000"},
                                         {63, "red/48000"},
                                         {101, "telephone-event/8000"}};
        announcement = std::make_unique<Announcement>(sound, std::array{names, names}, begun,
                                                      [this](const std::string& why) { told.push_back(why); });
    }
    SoundLibrary library;
    std::shared_ptr<const AnnouncementSound> sound;
    SteadyTime begun{1h};
    std::vector<std::string> told;
    std::unique_ptr<Announcement> announcement;
};

struct Case {
    AudioCodec codec;
    std::uint8_t type;
    unsigned milliseconds;
    bool red = false;
};

class EachCodec : public Announcing, public testing::WithParamInterface<Case> {};

TEST_P(EachCodec, IsHeardForItsLengthAndNoLonger) {
    const auto& [codec, type, milliseconds, red] = GetParam();
    Listener callee{codec, type, milliseconds, red};
    unsigned replaced = 0;
    for (unsigned time = 0; time < 1000; time += milliseconds) replaced += callee.next(*announcement, 1);
    EXPECT_EQ(replaced, (500 + milliseconds - 1) / milliseconds);
    EXPECT_NEAR(callee.loudness(0.1, 0.4), 0.2, 0.03);
    EXPECT_LT(callee.loudness(0.65, 0.95), 0.005);
    EXPECT_FALSE(announcement->tick(begun + 1s)) << "the caller has not heard it";
    EXPECT_TRUE(told.empty());
    Listener caller{AudioCodec::pcmu, 0, 20};
    for (int i = 0; i < 25; ++i) caller.next(*announcement, 0);
    EXPECT_TRUE(announcement->tick(begun + 2s));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0], "");
}

INSTANTIATE_TEST_SUITE_P(All, EachCodec,
                         testing::Values(Case{AudioCodec::pcmu, 0, 20}, Case{AudioCodec::pcma, 8, 30},
                                         Case{AudioCodec::g722, 9, 20}, Case{AudioCodec::l16, 96, 20},
                                         Case{AudioCodec::opus, 111, 20}, Case{AudioCodec::opus, 111, 60},
                                         Case{AudioCodec::opus, 111, 10}, Case{AudioCodec::opus, 111, 20, true}));

TEST_F(Announcing, KeysAndStrangePacketsPass) {
    ByteWriter out;
    out.u8(0x80), out.u8(101), out.u16(1), out.u32(160), out.u32(9), out.u32(0x010A00A0);
    auto packet = out.release();
    const auto was = packet;
    EXPECT_EQ(announcement->replace(0, packet, packet.size()), was.size());
    EXPECT_EQ(packet, was);
}

TEST_F(Announcing, WhoCannotBeToldMakesItFail) {
    Listener callee{AudioCodec::pcmu, 0, 20};
    for (int i = 0; i < 50; ++i) callee.next(*announcement, 1);
    EXPECT_FALSE(announcement->tick(begun + 6s));
    EXPECT_TRUE(announcement->tick(begun + 7s));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_NE(told[0].find("caller could not be told"), std::string::npos) << told[0];
}

TEST_F(Announcing, AStreamThatEndsTellsOnce) {
    announcement.reset();
    EXPECT_EQ(told, std::vector<std::string>{"the stream has ended"});
}

TEST(Announcements, WhatCannotBePlayedIsSaid) {
    SoundLibrary library;
    EXPECT_FALSE(AnnouncementSound::create(library, {.file = "/no/such/file.wav"}, {"PCMU/8000"}));
    EXPECT_FALSE(AnnouncementSound::create(library, {.file = {}, .tone_hz = 1400, .duration = 500ms}, {"ilbc/8000"}));
    EXPECT_FALSE(AnnouncementSound::create(library, {.file = {}, .tone_hz = 1400, .duration = 0ms}, {"PCMU/8000"}));
}

}  // namespace
}  // namespace carillon::relay
