/// What an end says as Ogg/Opus: how it ends, what stands in the file, and that programs can play it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "codecs/opus/storage_codec.h"
#include "media/record/ogg_opus_reader.h"
#include "relay/media/sound_library.h"
#include "relay/media/sound_sink.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Kind = AudioReceiver::Heard::Kind;

constexpr double kHz = 440;

class OpusRecording : public ::testing::Test {
  protected:
    void SetUp() override {
        file_ =
            (std::filesystem::temp_directory_path() / ("carillon-vm-" + std::to_string(::getpid()) + ".opus")).string();
        std::filesystem::remove(file_);
    }
    void TearDown() override {
        sink_.reset();
        std::filesystem::remove(file_);
    }
    void make(unsigned rate, api::Sink wanted = {}) {
        rate_ = rate;
        wanted.kind = api::Sink::Kind::file;
        wanted.file = file_;
        auto made = make_sink(wanted, rate);
        ASSERT_TRUE(made) << made.error();
        sink_ = std::move(*made);
    }
    std::vector<std::int16_t> tone() {
        std::vector<std::int16_t> frame(rate_ / 50);
        for (auto& sample : frame) {
            sample = static_cast<std::int16_t>(8000 * std::sin(phase_));
            phase_ += 2 * std::numbers::pi * kHz / rate_;
        }
        return frame;
    }
    void say(std::size_t ticks) {
        for (std::size_t i = 0; i < ticks; ++i) {
            const auto frame = tone();
            sink_->take({Kind::sound, frame});
        }
    }
    void stay_silent(std::size_t ticks) {
        for (std::size_t i = 0; i < ticks; ++i) sink_->take({});
    }
    /// How much of what programs would play is the tone: 1 is all.
    double tone_in_file(unsigned rate) {
        SoundLibrary library;
        const auto recording = library.get({.file = file_}, rate);
        EXPECT_TRUE(recording) << recording.error();
        if (!recording) return 0;
        double re = 0, im = 0, energy = 1e-9;
        for (std::size_t i = 0; i < (*recording)->size(); ++i) {
            const double angle = 2 * std::numbers::pi * kHz * static_cast<double>(i) / rate;
            const double sample = (**recording)[i];
            re += sample * std::cos(angle), im += sample * std::sin(angle), energy += sample * sample;
        }
        return 2 * (re * re + im * im) / (energy * static_cast<double>((*recording)->size()));
    }

    std::string file_;
    unsigned rate_ = 8000;
    double phase_ = 0;
    std::unique_ptr<SoundSink> sink_;
};

TEST_F(OpusRecording, IsEncodedAtEveryRate) {
    for (const unsigned rate : {8'000U, 16'000U, 44'100U, 48'000U}) {
        std::filesystem::remove(file_);
        make(rate);
        say(100);
        EXPECT_EQ(sink_->finish(), 2s);
        EXPECT_EQ(sink_->sound(), 2s);
        const auto file = record::load_ogg_opus(file_);
        ASSERT_TRUE(file) << file.error();
        EXPECT_TRUE(file->complete);
        EXPECT_NEAR(static_cast<double>(file->length().count()), 2000, 45) << rate;
        EXPECT_GT(tone_in_file(8'000), 0.9) << rate;
    }
}

TEST_F(OpusRecording, PacketsOfTheEndsOwnAreKeptAsTheyAre) {
    make(48'000);
    codecs::opus::StorageEncoder encoder{{.sample_rate = 48'000}};
    std::vector<std::vector<std::byte>> sent;
    for (int i = 0; i < 60; ++i) {
        const auto frame = tone();
        std::vector<std::byte> packet(1275);
        packet.resize(encoder.encode(frame, packet));
        sink_->payload(packet);
        sink_->take({Kind::sound, frame});
        sent.push_back(packet);
    }
    // Five are lost, and then it goes on.
    for (int i = 0; i < 5; ++i) sink_->take({Kind::guessed, tone()});
    sink_->payload(sent.front());
    sink_->take({Kind::sound, tone()});
    EXPECT_EQ(sink_->finish(), 66 * 20ms);
    const auto file = record::load_ogg_opus(file_);
    ASSERT_TRUE(file);
    ASSERT_GE(file->packets.size(), 61U);
    EXPECT_TRUE(std::equal(sent.begin(), sent.end(), file->packets.begin()));
    EXPECT_EQ(file->packets.back(), sent.front());
    EXPECT_EQ(file->samples, 66U * 960) << "what was lost has its time";
}

TEST_F(OpusRecording, EndsWhenItIsQuiet) {
    make(8'000, {.silence = 1s});
    say(50);
    stay_silent(49);
    EXPECT_FALSE(sink_->ended());
    stay_silent(1);
    EXPECT_EQ(sink_->ended(), "silence");
    EXPECT_EQ(sink_->sound(), 1s);
}

TEST_F(OpusRecording, EndsWhenNothingEverComes) {
    make(8'000, {.silence = 2s});
    stay_silent(99);
    EXPECT_FALSE(sink_->ended());
    stay_silent(1);
    EXPECT_EQ(sink_->ended(), "silence");
    EXPECT_EQ(sink_->sound(), 0s);
    EXPECT_EQ(sink_->finish(), 0s);
}

TEST_F(OpusRecording, EndsAtItsLongestAndAtItsSize) {
    make(8'000, {.longest = 1s});
    say(50);
    EXPECT_EQ(sink_->ended(), "longest");
    sink_.reset();
    std::filesystem::remove(file_);
    make(8'000, {.most_octets = 4'000});
    say(500);
    EXPECT_EQ(sink_->ended(), "full");
    sink_->finish();
    EXPECT_LE(std::filesystem::file_size(file_), 4'000U);
    const auto file = record::load_ogg_opus(file_);
    ASSERT_TRUE(file);
    EXPECT_GT(file->length(), 500ms);
}

TEST_F(OpusRecording, IsThereWithoutItsEnd) {
    make(8'000);
    say(200);
    // As it stands when the process is killed now.
    const auto file = record::load_ogg_opus(file_);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->complete);
    EXPECT_GE(file->length(), 3400ms);
    EXPECT_GT(tone_in_file(48'000), 0.9);
}

TEST_F(OpusRecording, LeavesNothingWhereNobodySpoke) {
    make(8'000);
    say(14);
    stay_silent(100);
    sink_->finish();
    EXPECT_FALSE(std::filesystem::exists(file_));
    make(8'000);
    say(15);
    sink_->finish();
    EXPECT_TRUE(std::filesystem::exists(file_));
}

TEST_F(OpusRecording, NeverOverwrites) {
    make(8'000);
    EXPECT_FALSE(make_sink({.kind = api::Sink::Kind::file, .file = file_}, 8'000));
}

}  // namespace
}  // namespace carillon::relay
