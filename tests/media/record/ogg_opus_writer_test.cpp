/// Ogg/Opus as written, page by page, and as foreign programs see it (ffprobe, opusinfo).
#include "media/record/ogg_opus_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "codecs/opus/storage_codec.h"
#include "tests/media/record/run_program.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;

class Folder {
  public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "carillon-record-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    std::string file(const char* name) const { return path / name; }
    fs::path path;
};

std::vector<std::byte> contents(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const auto octets = as_bytes(text);
    return {octets.begin(), octets.end()};
}

std::uint64_t le(Bytes page, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(page[at + i]);
    return value;
}

struct Page {
    unsigned flags;
    std::uint64_t granule, sequence;
    std::size_t packets, size;
    bool checks;
};

/// RFC 3533 §6, read independently of the writer. Empty where the file is not made of whole pages.
std::vector<Page> pages_of(Bytes file) {
    std::vector<Page> pages;
    while (!file.empty()) {
        if (file.size() < 27 || as_text(file.first(4)) != "OggS") return {};
        const auto segments = std::to_integer<std::size_t>(file[26]);
        if (file.size() < 27 + segments) return {};
        std::size_t body = 0, packets = 0;
        for (std::size_t i = 0; i < segments; ++i) {
            const auto lace = std::to_integer<std::size_t>(file[27 + i]);
            body += lace;
            packets += lace < 255 ? 1 : 0;
        }
        const std::size_t size = 27 + segments + body;
        if (file.size() < size) return {};
        std::vector<std::byte> blank{file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)};
        for (std::size_t i = 22; i < 26; ++i) blank[i] = {};
        pages.push_back({std::to_integer<unsigned>(file[5]), le(file, 6, 8), le(file, 18, 4), packets, size,
                         ogg_checksum(blank) == le(file, 22, 4)});
        file = file.subspan(size);
    }
    return pages;
}

/// 20 ms of a tone each.
class Tone {
  public:
    Bytes next() {
        std::array<std::int16_t, 320> frame{};
        for (auto& sample : frame)
            sample = static_cast<std::int16_t>(9000 * std::sin(2 * std::numbers::pi * 440 * n_++ / 16'000));
        return Bytes{payload_}.first(encoder_.encode(frame, payload_));
    }

  private:
    codecs::opus::StorageEncoder encoder_;
    std::array<std::byte, 1275> payload_{};
    std::uint64_t n_ = 0;
};

double probed_seconds(const std::string& path) {
    return std::stod(test::output_of("ffprobe -v error -show_entries format=duration -of csv=p=0 " + path));
}

TEST(Rfc3533S6Checksum, OfTheUsualNineDigits) {
    EXPECT_EQ(ogg_checksum({}), 0u);
    EXPECT_EQ(ogg_checksum(as_bytes("123456789")), 0x89A1897Fu) << "as POSIX cksum has it, not inverted";
}

TEST(Rfc3533S6Lacing, APacketOfFullSegmentsEndsWithAnEmptyOne) {
    OggPage page;
    page.add(std::vector<std::byte>(510, std::byte{1}));
    page.add({});
    const auto whole = page.finish(OggPage::kNone, 7, 1, 2);
    ASSERT_EQ(whole.size(), 27u + 4 + 510);
    EXPECT_EQ(le(whole, 27, 4), 0x0000FFFFu);
    EXPECT_TRUE(page.empty());
    EXPECT_TRUE(page.has_room_for(254 * 255 + 254));
    EXPECT_FALSE(page.has_room_for(255 * 255));
}

TEST(Rfc7845S4GranulePosition, CountsSamplesOfWholePackets) {
    Folder folder;
    auto writer = OggOpusWriter::create(folder.file("a.opus"), {.comments = {{"TITLE", "a call"}}});
    ASSERT_TRUE(writer) << writer.error();
    Tone tone;
    for (int i = 0; i < 105; ++i) ASSERT_TRUE(writer->write(tone.next()));
    ASSERT_TRUE(writer->close());
    const auto pages = pages_of(contents(folder.file("a.opus")));
    ASSERT_EQ(pages.size(), 7u) << "two heads, four half seconds, the rest";
    EXPECT_EQ(pages[0].flags, OggPage::kFirst);
    EXPECT_EQ(pages[0].packets, 1u);
    EXPECT_EQ(pages[1].packets, 1u);
    for (std::size_t i = 0; i < pages.size(); ++i) {
        EXPECT_TRUE(pages[i].checks) << i;
        EXPECT_EQ(pages[i].sequence, i);
        EXPECT_EQ(pages[i].granule, i < 2 ? 0 : i < 6 ? (i - 1) * 24'000 : 105 * 960) << i;
    }
    EXPECT_EQ(pages.back().flags, OggPage::kLast);
}

TEST(Rfc7845S4p1Gaps, AGapIsAsLongInTheFileAsItWas) {
    Folder folder;
    const auto path = folder.file("gap.opus");
    auto writer = OggOpusWriter::create(path, {});
    ASSERT_TRUE(writer);
    Tone tone;
    ASSERT_TRUE(writer->skip(48'000)) << "silence at the beginning";
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(writer->write(tone.next()));
    ASSERT_TRUE(writer->skip(100 * 48'000 + 60));
    ASSERT_TRUE(writer->skip(60)) << "what no packet could say is said with the next gap";
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(writer->write(tone.next()));
    ASSERT_TRUE(writer->close());
    EXPECT_EQ(writer->samples(), 103u * 48'000 + 120);
    EXPECT_NEAR(probed_seconds(path), 103, 0.03);
    EXPECT_EQ(test::output_of("opusinfo " + path + " 2>&1 | grep -icE 'warning|error|invalid|hole' || true"), "0\n");
}

TEST(OggOpusFile, ForeignProgramsSeeItsLengthAndSound) {
    Folder folder;
    const auto path = folder.file("tone.opus");
    auto writer = OggOpusWriter::create(path, {.input_rate = 16'000, .comments = {{"TITLE", "tone"}}});
    ASSERT_TRUE(writer);
    Tone tone;
    for (int i = 0; i < 150; ++i) ASSERT_TRUE(writer->write(tone.next()));
    ASSERT_TRUE(writer->close());
    EXPECT_NEAR(probed_seconds(path), 3, 0.01) << "ffprobe 5.1 does not count the pre-skip off";
    const auto told = test::output_of("opusinfo " + path + " 2>&1");
    EXPECT_NE(told.find("TITLE=tone"), told.npos) << told;
    EXPECT_NE(told.find("Playback length: 0m:02.99"), told.npos) << told;
    EXPECT_EQ(told.find("WARNING"), told.npos) << told;
    const auto loud = test::output_of("ffmpeg -hide_banner -i " + path + " -af volumedetect -f null - 2>&1");
    const auto at = loud.find("mean_volume: ");
    ASSERT_NE(at, loud.npos) << loud;
    EXPECT_NEAR(std::stod(loud.substr(at + 13)), 20 * std::log10(9000 / 32'768.0 / std::sqrt(2.0)), 1.5) << "dB";
}

TEST(OggOpusFile, KilledItLacksHalfASecondAtMost) {
    Folder folder;
    const auto path = folder.file("killed.opus");
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        auto writer = OggOpusWriter::create(path, {});
        Tone tone;
        for (int i = 0; i < 160; ++i) (void)writer->write(tone.next());
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto pages = pages_of(contents(path));
    ASSERT_FALSE(pages.empty()) << "not made of whole pages";
    for (const auto& page : pages) EXPECT_TRUE(page.checks);
    EXPECT_GE(pages.back().granule, 160 * 960 - OggOpusWriter::kPageSamples);
    EXPECT_NEAR(probed_seconds(path), 3.0, 0.25);
}

TEST(OggOpusFile, AFullDiskLeavesWholePagesAndSaysWhy) {
    Folder folder;
    const auto path = folder.file("full.opus");
    auto writer = OggOpusWriter::create(path, {.most_octets = 6'000});
    ASSERT_TRUE(writer);
    Tone tone;
    int taken = 0;
    while (taken < 1000 && writer->write(tone.next())) ++taken;
    EXPECT_LT(taken, 1000);
    EXPECT_NE(writer->error().find("size"), std::string::npos) << writer->error();
    EXPECT_FALSE(writer->skip(960));
    EXPECT_FALSE(writer->close());
    const auto pages = pages_of(contents(path));
    ASSERT_GT(pages.size(), 3u);
    EXPECT_LE(fs::file_size(path), 6'000u);
    EXPECT_NEAR(probed_seconds(path), static_cast<double>(pages.back().granule) / 48'000, 0.01);
}

TEST(OggOpusFile, HalfAWrittenPageIsTakenBack) {
    Folder folder;
    const auto path = folder.file("limit.opus");
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // RLIMIT_FSIZE cuts a write in the middle, as a full disk does
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{5'000, 5'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        auto writer = OggOpusWriter::create(path, {});
        Tone tone;
        int taken = 0;
        while (taken < 1000 && writer->write(tone.next())) ++taken;
        ::_exit(taken < 1000 && !writer->error().empty() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_FALSE(pages_of(contents(path)).empty()) << "the file ends in the middle of a page";
}

TEST(OggOpusFile, WhatIsNoOpusIsNotWritten) {
    Folder folder;
    auto writer = OggOpusWriter::create(folder.file("a.opus"), {});
    ASSERT_TRUE(writer);
    EXPECT_FALSE(writer->write({}));
    EXPECT_FALSE(writer->write(as_bytes("\xFB\x3F too many frames")));
    EXPECT_EQ(writer->samples(), 0u);
    EXPECT_FALSE(OggOpusWriter::create(folder.file("a.opus"), {})) << "a file that is there is not written over";
}

}  // namespace
}  // namespace carillon::record
