/// Sounds of GStreamer: live and shared, whole and kept, and pipelines that fail.
#include "media/pipeline/sound_pipeline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numbers>
#include <span>
#include <thread>
#include <utility>

#include "media/pipeline/decode_sound.h"

namespace carillon::pipeline {
namespace {

using namespace std::chrono_literals;

/// Of the tone, 0 to 1: how much of the sound it is.
double share(std::span<const std::int16_t> sound, double hz, unsigned rate) {
    double re = 0, im = 0, energy = 1e-9;
    for (std::size_t i = 0; i < sound.size(); ++i) {
        const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
        re += sound[i] * std::cos(angle), im += sound[i] * std::sin(angle);
        energy += static_cast<double>(sound[i]) * sound[i];
    }
    return 2 * (re * re + im * im) / (energy * static_cast<double>(sound.size()));
}

/// Reads as an end would, 20 ms at a time, until there have been so many with sound, or for 30 s.
std::vector<std::int16_t> listen(SoundPipeline& pipeline, SoundPipeline::Place& place, std::size_t frames) {
    std::vector<std::int16_t> out, frame(SoundPipeline::kRate / 50);
    for (int i = 0; i < 1500 && out.size() < frames * frame.size(); ++i) {
        std::this_thread::sleep_for(20ms);
        pipeline.read(place, frame);
        if (std::ranges::any_of(frame, [](std::int16_t each) { return each != 0; }))
            out.insert(out.end(), frame.begin(), frame.end());
    }
    return out;
}

bool wait_for(const std::function<bool()>& reached) {
    for (int i = 0; i < 3000; ++i) {
        if (reached()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

/// A tone of two seconds in some format, by ffmpeg.
class File {
  public:
    explicit File(const std::string& ending, int hz = 440)
        : path_{std::filesystem::temp_directory_path() /
                ("carillon-pipeline-" + std::to_string(::getpid()) + "-" + std::to_string(hz) + "." + ending)} {
        const auto command = "ffmpeg -nostdin -v error -y -f lavfi -i sine=frequency=" + std::to_string(hz) +
                             ":duration=2 -ar 44100 -ac 2 " + path_.string();
        made_ = std::system(command.c_str()) == 0;
    }
    ~File() { std::filesystem::remove(path_); }
    bool made() const { return made_; }
    std::string uri() const { return "file://" + path_.string(); }

  private:
    std::filesystem::path path_;
    bool made_;
};

TEST(SoundPipeline, IsOneForAllWhoListen) {
    SoundPipeline pipeline{"audiotestsrc freq=440"};
    SoundPipeline::Place first, second;
    std::vector<std::int16_t> frame(SoundPipeline::kRate / 50);
    const auto one = listen(pipeline, first, 25);
    const auto two = listen(pipeline, second, 25);
    ASSERT_EQ(one.size(), 25 * frame.size());
    ASSERT_EQ(two.size(), 25 * frame.size());
    EXPECT_GT(share(std::span{two}.last(4800), 440, SoundPipeline::kRate), 0.99);
    EXPECT_LT(pipeline.samples(), 30 * SoundPipeline::kRate) << "no faster than it sounds";
}

TEST(SoundPipeline, ALiveSource) {
    SoundPipeline pipeline{"audiotestsrc is-live=true freq=1000"};
    SoundPipeline::Place place;
    const auto heard = listen(pipeline, place, 20);
    EXPECT_GT(share(std::span{heard}.last(4800), 1000, SoundPipeline::kRate), 0.99);
}

TEST(SoundPipeline, BeginsAnewAtItsEnd) {
    const File file{"flac"};
    ASSERT_TRUE(file.made());
    SoundPipeline pipeline{file.uri()};
    SoundPipeline::Place place;
    std::vector<std::int16_t> frame(SoundPipeline::kRate / 50);
    EXPECT_TRUE(wait_for([&] {
        pipeline.read(place, frame);
        return pipeline.samples() > 5 * SoundPipeline::kRate;  // of a file of two seconds
    }));
    EXPECT_EQ(pipeline.failures(), 0U);
}

TEST(SoundPipeline, StandsStillWhenNobodyListens) {
    SoundPipeline pipeline{"audiotestsrc", {.idle = 300ms}};
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(pipeline.samples(), 0U) << "and does not begin before";
    SoundPipeline::Place place;
    ASSERT_FALSE(listen(pipeline, place, 5).empty());
    std::uint64_t then = 0;
    EXPECT_TRUE(wait_for([&] {
        std::this_thread::sleep_for(400ms);
        return then == std::exchange(then, pipeline.samples());
    }));
    EXPECT_FALSE(listen(pipeline, place, 5).empty()) << "and goes on for the next";
}

TEST(SoundPipeline, AFailureIsSilenceAndIsTriedAgain) {
    for (const auto* broken :
         {"file:///nowhere/at/all.mp3", "no-such-element", "audiotestsrc ! fakesink", "! ! !", ""}) {
        SoundPipeline pipeline{broken, {.first_pause = 20ms, .longest_pause = 100ms, .stalled = 300ms}};
        SoundPipeline::Place place;
        std::vector<std::int16_t> frame(960, 7);
        EXPECT_TRUE(wait_for([&] {
            pipeline.read(place, frame);
            return pipeline.failures() >= 3;
        })) << broken;
        EXPECT_TRUE(std::ranges::all_of(frame, [](auto each) { return each == 0; }));
    }
}

TEST(SoundPipeline, ComesBackWhenItsFileDoes) {
    const auto path = std::filesystem::temp_directory_path() / ("carillon-late-" + std::to_string(::getpid()) + ".wav");
    SoundPipeline pipeline{"file://" + path.string(), {.first_pause = 20ms, .longest_pause = 100ms}};
    SoundPipeline::Place place;
    std::vector<std::int16_t> frame(960);
    ASSERT_TRUE(wait_for([&] {
        pipeline.read(place, frame);
        return pipeline.failures() >= 2;
    }));
    const File file{"wav"};
    std::filesystem::copy(file.uri().substr(7), path);
    EXPECT_GT(share(listen(pipeline, place, 10), 440, SoundPipeline::kRate), 0.9);
    std::filesystem::remove(path);
}

TEST(DecodedSound, AnyFormatWhole) {
    for (const auto* ending : {"mp3", "flac", "ogg"}) {
        const File file{ending, 500};
        ASSERT_TRUE(file.made()) << ending;
        const auto sound = decode_sound(file.uri(), 16'000, 60s, 30s);
        ASSERT_TRUE(sound) << ending << ' ' << sound.error();
        EXPECT_NEAR(static_cast<double>((*sound)->size()) / 16'000, 2.0, 0.15) << ending;
        EXPECT_GT(share(std::span{**sound}.subspan(8000, 8000), 500, 16'000), 0.99) << ending;
        EXPECT_EQ(decode_sound(file.uri(), 16'000, 60s, 30s)->get(), sound->get()) << "kept";
    }
}

TEST(DecodedSound, IsCutOffAndBounded) {
    const auto sound = decode_sound("audiotestsrc freq=300", 8'000, 3s, 30s);
    ASSERT_TRUE(sound);
    EXPECT_EQ((*sound)->size(), 24'000U);
    const auto fault = decode_sound("file:///nowhere.flac", 8'000, 3s, 30s);
    ASSERT_FALSE(fault);
    EXPECT_FALSE(fault.error().empty());
    EXPECT_FALSE(decode_sound("audiotestsrc is-live=true", 8'000, 3s, 1ms)) << "nobody waits for it";
}

}  // namespace
}  // namespace carillon::pipeline
