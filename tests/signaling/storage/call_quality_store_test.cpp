#include "signaling/storage/call_quality_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "signaling/storage/sql_storage.h"

namespace carillon::storage {
namespace {

namespace asio = boost::asio;

class CallQualityStoreTest : public testing::Test {
  protected:
    CallQualityStoreTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-quality-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        storage_ = open_sqlite(folder_ / "test.db");
    }
    ~CallQualityStoreTest() override {
        storage_.reset();
        std::filesystem::remove_all(folder_);
    }
    void put(CallQuality quality) {
        asio::io_context io;
        asio::co_spawn(io, call_quality_of(*storage_)->put(std::move(quality)), [](std::exception_ptr thrown) {
            if (thrown) std::rethrow_exception(thrown);
        });
        io.run();
    }
    std::optional<CallQuality> get(std::string id) {
        asio::io_context io;
        std::optional<CallQuality> result;
        asio::co_spawn(io, call_quality_of(*storage_)->get(std::move(id)),
                       [&](std::exception_ptr thrown, std::optional<CallQuality> value) {
                           if (thrown) std::rethrow_exception(thrown);
                           result = std::move(value);
                       });
        io.run();
        return result;
    }

    std::filesystem::path folder_;
    std::unique_ptr<Storage> storage_;
};

TEST_F(CallQualityStoreTest, KeepsTheLastWordOfEachCall) {
    const CallQuality first{.id = "c1", .mos_to_callee = 4.25, .mos_to_caller = 3.5, .trouble = ""};
    const CallQuality last{.id = "c1", .mos_to_callee = 4.125, .mos_to_caller = 0, .trouble = "dead air; it's \"so\""};
    const CallQuality other{.id = "c2", .mos_to_callee = 1, .mos_to_caller = 1, .trouble = "x"};
    EXPECT_FALSE(get("c1"));
    put(first);
    put(other);
    EXPECT_EQ(get("c1"), first);
    put(last);
    EXPECT_EQ(get("c1"), last);
    EXPECT_EQ(get("c2"), other);
}

}  // namespace
}  // namespace carillon::storage
