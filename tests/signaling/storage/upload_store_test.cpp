/// What is known of uploaded files, on disk: limits, one-time completion, shared content, expiry.
#include "signaling/storage/upload_store.h"

#include <gtest/gtest.h>

#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

const WallTime kNow{std::chrono::hours{24 * 20'000}};
const std::string kHash(64, 'a');

class UploadStoreTest : public StorageFixture {
  protected:
    UploadStoreTest() { run(storage_->users().create(jid("a@example.org"), {})); }
    UploadStore& store() { return uploads_of(*storage_); }
    static Upload an_upload(std::string id, std::uint64_t size = 10) {
        Upload upload;
        upload.id = std::move(id);
        upload.owner = "a@example.org";
        upload.host = "example.org";
        upload.name = "n";
        upload.type = "image/png";
        upload.size = size;
        upload.created = kNow;
        upload.expires = kNow + 10min;
        upload.keep = 1h;
        return upload;
    }
    UploadRefusal reserve(Upload upload, UploadLimits limits = {.slots = 100}) {
        return run(store().reserve(std::move(upload), limits)).refusal;
    }
    bool complete(std::string id, WallTime when = kNow, std::string hash = kHash) {
        return run(store().complete(std::move(id), std::move(hash), when, [this] { ++published_; }));
    }
    std::size_t collect(WallTime when) {
        return run(store().collect(when, 100, [this](const std::string& hash) { removed_.push_back(hash); }));
    }
    int published_ = 0;
    std::vector<std::string> removed_;
};

TEST_F(UploadStoreTest, AFileComesBackAsItWas) {
    EXPECT_EQ(reserve(an_upload("1")), UploadRefusal::none);
    EXPECT_TRUE(run(store().find("1"))->hash.empty());
    EXPECT_TRUE(complete("1", kNow + 1min));
    reopen();
    const auto found = run(store().find("1"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hash, kHash);
    EXPECT_EQ(found->type, "image/png");
    EXPECT_EQ(found->size, 10u);
    EXPECT_EQ(found->expires, kNow + 1min + 1h);
    EXPECT_FALSE(run(store().find("2")));
}

TEST_F(UploadStoreTest, ASlotIsUsedOnceAndInTime) {
    reserve(an_upload("1"));
    EXPECT_FALSE(complete("1", kNow + 11min)) << "too late";
    EXPECT_TRUE(complete("1"));
    EXPECT_FALSE(complete("1"));
    EXPECT_FALSE(complete("nobody's"));
    EXPECT_EQ(published_, 1);
}

TEST_F(UploadStoreTest, LimitsCountWhatIsThereAndWhatWillCome) {
    const UploadLimits limits{.slots = 2, .in_period = 100, .in_all = 150, .period_begin = kNow - 24h};
    EXPECT_EQ(reserve(an_upload("1", 60), limits), UploadRefusal::none);
    EXPECT_EQ(reserve(an_upload("2", 41), limits), UploadRefusal::period_used_up);
    EXPECT_EQ(run(store().reserve(an_upload("2", 41), limits)).oldest, kNow);
    EXPECT_EQ(reserve(an_upload("2", 40), limits), UploadRefusal::none);
    EXPECT_EQ(reserve(an_upload("3", 1), limits), UploadRefusal::too_many_slots);
    EXPECT_TRUE(complete("1"));
    EXPECT_TRUE(complete("2"));
    auto later = an_upload("3", 51);
    later.created = kNow + 30min;
    later.expires = kNow + 40min;
    UploadLimits next{.slots = 2, .in_period = 100, .in_all = 150, .period_begin = kNow + 1min};
    EXPECT_EQ(reserve(later, next), UploadRefusal::space_used_up);
    next.in_all = 0;
    EXPECT_EQ(reserve(later, next), UploadRefusal::none) << "a new period";
    EXPECT_EQ(run(store().used("a@example.org", kNow)), 151u);
}

TEST_F(UploadStoreTest, SharedContentGoesWithTheLastFile) {
    reserve(an_upload("1"));
    auto longer = an_upload("2");
    longer.keep = 2h;
    reserve(longer);
    complete("1");
    complete("2");
    EXPECT_EQ(collect(kNow + 59min), 0u);
    EXPECT_EQ(collect(kNow + 61min), 1u);
    EXPECT_TRUE(removed_.empty()) << "another file has the same content";
    EXPECT_EQ(collect(kNow + 3h), 1u);
    EXPECT_EQ(removed_, std::vector{kHash});
}

TEST_F(UploadStoreTest, FilesStayForEverWhenAskedAndEndWhenTheyMust) {
    auto ever = an_upload("1");
    ever.keep = {};
    reserve(ever);
    auto short_lived = an_upload("2");
    short_lived.latest = kNow + 5min;
    reserve(short_lived);
    complete("1");
    complete("2");
    EXPECT_EQ(run(store().find("1"))->expires, WallTime::max());
    EXPECT_EQ(run(store().find("2"))->expires, kNow + 5min);
    EXPECT_EQ(collect(kNow + 24h * 3650), 1u);
}

TEST_F(UploadStoreTest, ARemovedUsersFilesGo) {
    auto ever = an_upload("1");
    ever.keep = {};
    reserve(ever);
    complete("1");
    auto kept = an_upload("2");
    kept.owner = "a@example.org/voicemail";
    reserve(kept);
    auto anothers = an_upload("3");
    anothers.owner = "aa@example.org/voicemail";
    reserve(anothers);
    complete("2");
    EXPECT_TRUE(run(storage_->users().remove(xmpp::Jid::parse("a@example.org").value())));
    EXPECT_EQ(collect(kNow), 2u);
    EXPECT_EQ(removed_, std::vector{kHash});
}

TEST_F(UploadStoreTest, AFileMayGoBeforeItsTime) {
    reserve(an_upload("1"));
    reserve(an_upload("2"));
    complete("1");
    asio::io_context io;
    asio::co_spawn(io, store().expire("1"), [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); });
    io.run();
    EXPECT_EQ(collect(kNow), 1u);
    EXPECT_EQ(removed_, std::vector{kHash});
    EXPECT_TRUE(complete("2"));
}

TEST_F(UploadStoreTest, ContentOfNobodyIsFound) {
    reserve(an_upload("1"));
    complete("1");
    const std::string stranger(64, 'b');
    std::vector<std::string> gone;
    EXPECT_EQ(run(store().remove_unknown({kHash, stranger}, [&](const std::string& hash) { gone.push_back(hash); })),
              1u);
    EXPECT_EQ(gone, std::vector{stranger});
}

}  // namespace
}  // namespace carillon::storage
