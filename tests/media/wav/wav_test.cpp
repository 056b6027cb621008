#include "media/wav/wav.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace carillon::wav {
namespace {

TEST(Wav, WhatIsWrittenIsRead) {
    const Audio audio{48000, {0, 1, -1, 32767, -32768}};
    const auto parsed = parse(serialize(audio));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->sample_rate, 48000U);
    EXPECT_EQ(parsed->samples, audio.samples);
}

TEST(Wav, StereoIsMixedToMono) {
    auto file = serialize({8000, {100, 300, -50, -150}});
    file[22] = std::byte{2};  // channels
    const auto parsed = parse(file);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->samples, (std::vector<std::int16_t>{200, -100}));
}

TEST(Wav, MulawIsDecoded) {
    auto file = serialize({8000, {0}});
    file[20] = std::byte{7};  // WAVE_FORMAT_MULAW
    file[34] = std::byte{8};  // bits
    file[44] = std::byte{0x80};
    file[45] = std::byte{0xFF};
    const auto parsed = parse(file);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->samples, (std::vector<std::int16_t>{32124, 0}));
}

TEST(Wav, EveryTruncationIsAnErrorOrAShorterRecording) {
    const auto file = serialize({8000, {1, 2, 3, 4}});
    for (std::size_t size = 0; size < 44; ++size) EXPECT_FALSE(parse(Bytes{file}.first(size))) << size;
    const auto shorter = parse(Bytes{file}.first(file.size() - 3));
    ASSERT_TRUE(shorter);
    EXPECT_EQ(shorter->samples, (std::vector<std::int16_t>{1, 2}));
}

TEST(Wav, RefusesOtherFormats) {
    auto file = serialize({8000, {1}});
    file[20] = std::byte{3};  // float
    EXPECT_EQ(parse(file).error(), Errc::unsupported);
    file[20] = std::byte{1};
    file[22] = std::byte{0};  // no channel
    EXPECT_EQ(parse(file).error(), Errc::bad_value);
    file[0] = std::byte{'X'};
    EXPECT_EQ(parse(file).error(), Errc::bad_magic);
}

TEST(WavWriter, SetsTheSizesWhenItCloses) {
    const auto path = testing::TempDir() + "carillon_wav_test.wav";
    {
        auto writer = Writer::create(path, 16000);
        ASSERT_TRUE(writer) << writer.error();
        writer->write(std::vector<std::int16_t>{7, 8});
        writer->write(std::vector<std::int16_t>{9});
        EXPECT_TRUE(writer->close());
    }
    const auto audio = load(path);
    std::remove(path.c_str());
    ASSERT_TRUE(audio) << audio.error();
    EXPECT_EQ(audio->sample_rate, 16000U);
    EXPECT_EQ(audio->samples, (std::vector<std::int16_t>{7, 8, 9}));
    EXPECT_FALSE(load("/nonexistent/file.wav"));
}

}  // namespace
}  // namespace carillon::wav
