/// Sounds that come piece by piece: whole, bounded, and only what their name says.
#include "relay/control/sound_shelf.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace carillon::relay {
namespace {

// FIPS 180-4 examples: "abc".
const std::string kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

api::Program playing(const std::string& sound) {
    api::Program out{.kind = api::Program::Kind::endpoint};
    out.source.clips = {{.file = {}, .sound = sound}};
    return out;
}

TEST(SoundShelf, PutsPiecesTogether) {
    SoundShelf shelf;
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "a"), 1U);
    EXPECT_EQ(shelf.put(kAbc, 3, 2, "c"), 1U) << "a piece is missing before it";
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "a"), 1U) << "said twice";
    auto early = playing(kAbc);
    EXPECT_FALSE(shelf.resolve(early));
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U) << "of what is there already the rest is taken";
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U);
    auto program = playing(kAbc);
    program.instead[1] = program.source;
    ASSERT_TRUE(shelf.resolve(program));
    EXPECT_EQ(program.instead[1]->clips[0].file, program.source.clips[0].file);
    std::ifstream file{program.source.clips[0].file};
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>{file}, {}}), "abc");
}

TEST(SoundShelf, TakesOnlyWhatTheNameSays) {
    SoundShelf shelf;
    EXPECT_FALSE(shelf.put(kAbc, 3, 0, "abd"));
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U) << "what was wrong is forgotten";
    for (const auto* name :
         {"", "../../../../etc/passwd", "ba7816bf", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"})
        EXPECT_FALSE(shelf.put(name, 3, 0, "abc")) << name;
    EXPECT_FALSE(shelf.put(kAbc, 4, 0, "abcd")) << "another size";
    auto unknown = playing(std::string(64, '0'));
    EXPECT_FALSE(shelf.resolve(unknown));
}

TEST(SoundShelf, IsBounded) {
    SoundShelf shelf;
    EXPECT_FALSE(shelf.put(kAbc, 0, 0, ""));
    EXPECT_FALSE(shelf.put(kAbc, SoundShelf::kLargest + 1, 0, "a"));
    ASSERT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U);
    EXPECT_FALSE(shelf.put(std::string(64, '1'), 2, 0, "abc")) << "more than was announced";
    // Those that never become whole take no more room than there is, and push out what was not used for longest.
    for (char digit = '2'; digit <= '9'; ++digit)
        EXPECT_EQ(shelf.put(std::string(64, digit), SoundShelf::kLargest, 0, "x"), 1U);
    auto program = playing(kAbc);
    EXPECT_FALSE(shelf.resolve(program));
    EXPECT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U);
    EXPECT_TRUE(shelf.resolve(program));
}

TEST(SoundShelf, LeavesNothingBehind) {
    std::filesystem::path file;
    {
        SoundShelf shelf;
        ASSERT_EQ(shelf.put(kAbc, 3, 0, "abc"), 3U);
        auto program = playing(kAbc);
        ASSERT_TRUE(shelf.resolve(program));
        file = program.source.clips[0].file;
        EXPECT_TRUE(std::filesystem::exists(file));
        EXPECT_EQ(std::filesystem::status(file.parent_path()).permissions(), std::filesystem::perms::owner_all);
    }
    EXPECT_FALSE(std::filesystem::exists(file.parent_path()));
}

}  // namespace
}  // namespace carillon::relay
