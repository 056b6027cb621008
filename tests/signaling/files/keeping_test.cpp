/// Files that the server keeps for a user by itself.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "signaling/files/address.h"
#include "signaling/files/uploads.h"
#include "signaling/storage/sql_storage.h"

namespace carillon::files {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class KeepingTest : public testing::Test {
  protected:
    KeepingTest() {
        std::string pattern = (fs::temp_directory_path() / "carillon-keeping-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        storage_ = storage::open_sqlite(folder_ / "test.db");
        uploads_ = std::make_unique<Uploads>(storage::uploads_of(*storage_), folder_ / "uploads", Secret{"secret"});
        std::ofstream{file()} << "abc";
    }
    ~KeepingTest() override {
        uploads_.reset();
        storage_.reset();
        fs::remove_all(folder_);
    }
    fs::path file() const { return folder_ / "recording.opus"; }
    template <class T>
    T run(asio::awaitable<T> work) {
        asio::io_context io;
        std::optional<T> result;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown, T value) {
            if (thrown) std::rethrow_exception(thrown);
            result.emplace(std::move(value));
        });
        io.run();
        return std::move(*result);
    }
    auto keep(storage::UploadLimits limits = {.slots = 100}) {
        storage::Upload wanted;
        wanted.owner = "a@example.org/voicemail";
        wanted.host = "example.org";
        wanted.name = "mail.opus";
        wanted.type = "audio/ogg";
        wanted.keep = 1h;
        return run(uploads_->keep(file(), wanted, limits));
    }
    fs::path folder_;
    std::unique_ptr<storage::Storage> storage_;
    std::unique_ptr<Uploads> uploads_;
};

TEST_F(KeepingTest, AFileIsFoundAtItsAddress) {
    const auto kept = keep();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->size, 3U);
    EXPECT_EQ(kept->hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") << "FIPS 180-4's example";
    std::ifstream in{uploads_->content(kept->hash)};
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{in}, {}), "abc");
    const auto path = file_path(kept->id, kept->name);
    ASSERT_TRUE(run(uploads_->find(path)));
    EXPECT_EQ(run(uploads_->find(path))->owner, "a@example.org/voicemail");
    EXPECT_FALSE(run(uploads_->find(file_path(kept->id, "other.opus"))));
    EXPECT_FALSE(run(uploads_->find("/etc/passwd")));
    EXPECT_TRUE(run(uploads_->copy(kept->hash, folder_ / "copy")));
    EXPECT_EQ(fs::file_size(folder_ / "copy"), 3U);
    EXPECT_FALSE(run(uploads_->copy(kept->hash, folder_ / "copy"))) << "never over another";
    EXPECT_TRUE(fs::exists(file())) << "it was copied";
}

TEST_F(KeepingTest, TheQuotaHolds) {
    EXPECT_TRUE(keep({.slots = 100, .in_period = 0, .in_all = 3, .period_begin = {}}));
    const auto second = keep({.slots = 100, .in_period = 0, .in_all = 3, .period_begin = {}});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().refusal, storage::UploadRefusal::space_used_up);
}

TEST_F(KeepingTest, WhatIsNotThereIsNotKept) {
    fs::remove(file());
    EXPECT_FALSE(keep());
    std::ofstream{file()} << "";
    EXPECT_FALSE(keep());
}

}  // namespace
}  // namespace carillon::files
