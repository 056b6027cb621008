#include "signaling/files/file_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace carillon::files {
namespace {

namespace fs = std::filesystem;

class FileStoreTest : public testing::Test {
  protected:
    FileStoreTest() {
        std::string pattern = (fs::temp_directory_path() / "carillon-files-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~FileStoreTest() override { fs::remove_all(folder_); }
    static std::span<const char> octets(std::string_view text) { return {text.data(), text.size()}; }
    std::string keep(FileStore& store, std::string_view text) {
        auto draft = store.begin();
        EXPECT_TRUE(draft);
        EXPECT_TRUE((*draft)->write(octets(text)));
        auto hash = (*draft)->finish();
        EXPECT_TRUE(hash);
        store.publish(**draft, *hash);
        return *hash;
    }
    fs::path folder_;
};

TEST_F(FileStoreTest, NamesContentByItsHash) {
    FileStore store{folder_ / "store"};
    // FIPS 180-4's example "abc"
    const auto hash = keep(store, "abc");
    EXPECT_EQ(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    auto reader = store.open(hash);
    ASSERT_TRUE(reader);
    EXPECT_EQ((*reader)->size(), 3u);
    std::array<char, 8> text{};
    EXPECT_EQ((*reader)->read(text, 1).value(), 2u);
    EXPECT_EQ(text[0], 'b');
    EXPECT_EQ(store.list(0xba), std::vector{hash});
    EXPECT_TRUE(store.list(0xbb).empty());
}

TEST_F(FileStoreTest, KeepsEqualContentOnce) {
    FileStore store{folder_ / "store"};
    EXPECT_EQ(keep(store, "abc"), keep(store, "abc"));
    EXPECT_EQ(store.list(0xba).size(), 1u);
}

TEST_F(FileStoreTest, AnUnfinishedDraftLeavesNothing) {
    FileStore store{folder_ / "store"};
    {
        auto draft = store.begin();
        ASSERT_TRUE(draft);
        ASSERT_TRUE((*draft)->write(octets("abc")));
        EXPECT_FALSE(fs::is_empty(folder_ / "store/drafts"));
    }
    EXPECT_TRUE(fs::is_empty(folder_ / "store/drafts"));
    std::ofstream{folder_ / "store/drafts/left"} << "by a process that was killed";
    FileStore again{folder_ / "store"};
    EXPECT_TRUE(fs::is_empty(folder_ / "store/drafts"));
}

TEST_F(FileStoreTest, WhatIsRemovedIsGone) {
    FileStore store{folder_ / "store"};
    const auto hash = keep(store, "abc");
    EXPECT_TRUE(store.put_thumbnail(hash, octets("small")));
    EXPECT_TRUE(store.open_thumbnail(hash));
    store.remove(hash);
    EXPECT_FALSE(store.open(hash));
    EXPECT_FALSE(store.open_thumbnail(hash));
    store.remove(hash);
}

TEST_F(FileStoreTest, ALinkIsNotFollowed) {
    FileStore store{folder_ / "store"};
    const std::string hash(64, 'a');
    fs::create_directories(folder_ / "store/aa");
    fs::create_symlink("/etc/passwd", folder_ / "store/aa" / hash);
    EXPECT_FALSE(store.open(hash));
}

TEST_F(FileStoreTest, AFullDiskIsAnError) {
    if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
    FileStore store{folder_ / "store"};
    auto draft = store.begin();
    ASSERT_TRUE(draft);
    // What the draft writes to is exchanged for a disk that is always full.
    for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
        std::error_code error;
        const auto target = fs::read_symlink(entry.path(), error);
        if (error || !target.string().starts_with((folder_ / "store/drafts").string())) continue;
        const int full = ::open("/dev/full", O_WRONLY);
        ::dup2(full, std::stoi(entry.path().filename()));
        ::close(full);
        break;
    }
    const auto written = (*draft)->write(octets("abc"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error(), std::errc::no_space_on_device);
}

}  // namespace
}  // namespace carillon::files
