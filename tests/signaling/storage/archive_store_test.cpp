/// The archive on disk: paging through ten thousand messages, order, retention, and what the database does for it.
#include "signaling/storage/archive_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "signaling/storage/archive_sql.h"

#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

using namespace std::chrono_literals;

class FakeCustody final : public xmpp::Custody {
  public:
    explicit FakeCustody(std::atomic<int>& held) : held_{held} { ++held_; }
    ~FakeCustody() override { --held_; }
    void reached() override {}
    bool has_reached() const override { return false; }
    void waits_for(std::uint64_t, std::uint32_t) override {}
    void waits_no_more() override {}
    bool awaited() const override { return false; }
    void leave() override {}

  private:
    std::atomic<int>& held_;
};

class ArchiveStoreTest : public StorageFixture {
  protected:
    ArchiveStoreTest() {
        for (const auto* user : {"a@example.org", "b@example.org"}) run(storage_->users().create(jid(user), {}));
    }
    ArchiveStore& archive() { return storage_->archive(); }
    /// A message of `owner` with `peer` that came at `at`; its stanza is `text`.
    ArchiveId add(std::string_view owner, std::string_view peer, WallTime at, std::string text) {
        const auto with = jid(peer);
        const auto id = archive().make_id(at);
        EXPECT_TRUE(archive().append({.id = id,
                                      .owner = std::string{owner},
                                      .peer = with.bare().str(),
                                      .resource = std::string{with.resource()},
                                      .stanza = std::move(text),
                                      .custody = nullptr}));
        return id;
    }
    static std::string texts(const ArchivePage& page) {
        std::string all;
        for (const auto& message : page.messages) all += message.stanza + ' ';
        return all;
    }

    static WallTime base() { return SystemClock::instance().wall() + 1h; }
};

TEST_F(ArchiveStoreTest, PagesThroughTenThousandBothWays) {
    constexpr std::size_t kRows = 10'000;
    constexpr std::size_t kPage = 77;
    const auto start = base();
    std::vector<ArchiveId> ids;
    for (std::size_t i = 0; i < kRows; ++i) {
        const auto* peer = i % 10 == 0 ? "x@example.net/one" : "y@example.net";
        ids.push_back(add("a@example.org", peer, start + i * 1ms, std::to_string(i)));
        add("b@example.org", "x@example.net", start + i * 1ms, "not hers");
    }
    for (const bool backwards : {false, true}) {
        std::vector<ArchiveId> seen;
        ArchiveQuery query{.owner = jid("a@example.org"), .newest_first = backwards, .limit = kPage};
        for (;;) {
            const auto page = run(archive().query(query));
            ASSERT_TRUE(page.all_known);
            ASSERT_LE(page.messages.size(), kPage);
            if (backwards) {
                for (auto at = page.messages.rbegin(); at != page.messages.rend(); ++at) seen.push_back(at->id);
                query.before = {page.messages.front().id};
            } else {
                for (const auto& message : page.messages) seen.push_back(message.id);
                query.after = {page.messages.back().id};
            }
            if (page.complete) break;
            ASSERT_EQ(page.messages.size(), kPage);
        }
        if (backwards) std::ranges::reverse(seen);
        EXPECT_EQ(seen, ids);
    }
    const auto count = [&](ArchiveQuery query) {
        query.owner = jid("a@example.org");
        return run(archive().query(std::move(query))).count;
    };
    EXPECT_EQ(count({}), kRows);
    EXPECT_EQ(count({.with = jid("x@example.net")}), kRows / 10);
    EXPECT_EQ(count({.with = jid("x@example.net/one")}), kRows / 10);
    EXPECT_EQ(count({.with = jid("x@example.net/two")}), 0u);
    EXPECT_EQ(count({.with = jid("z@example.net")}), 0u);
    EXPECT_EQ(count({.start = start + 100ms, .end = start + 199ms}), 100u);
    EXPECT_EQ(count({.after = {ids[10]}, .before = {ids[20]}}), 9u);
    EXPECT_EQ(count({.ids = {ids[3], ids[5], ids[7]}}), 3u);
}

TEST_F(ArchiveStoreTest, AnIdThatIsNotThereIsToldOf) {
    const auto known = add("a@example.org", "x@example.net", base(), "one");
    const auto hers = add("b@example.org", "x@example.net", base(), "two");
    const auto guessed = ArchiveId{known.time, known.random + 1};
    for (const auto& wrong : {hers, guessed}) {
        for (int which = 0; which < 3; ++which) {
            ArchiveQuery query{.owner = jid("a@example.org"), .limit = 10};
            (which == 0 ? query.after : which == 1 ? query.before : query.ids) = {wrong};
            const auto page = run(archive().query(query));
            EXPECT_FALSE(page.all_known);
            EXPECT_TRUE(page.messages.empty());
        }
    }
    EXPECT_EQ(texts(run(archive().query({.owner = jid("a@example.org"), .ids = {known}, .limit = 10}))), "one ");
}

TEST_F(ArchiveStoreTest, OrderIsThatOfComingEvenWhenTheClockGoesBack) {
    const auto now = base();
    add("a@example.org", "x@example.net", now, "1");
    add("a@example.org", "x@example.net", now - 1h, "2");
    add("a@example.org", "x@example.net", now, "3");
    EXPECT_EQ(texts(run(archive().query({.owner = jid("a@example.org"), .limit = 10}))), "1 2 3 ");
}

TEST_F(ArchiveStoreTest, CustodyLastsUntilItIsOnDisk) {
    std::atomic<int> held{0};
    auto id = archive().make_id(base());
    ASSERT_TRUE(
        archive().append({id, "a@example.org", "x@example.net", "", "one", std::make_shared<FakeCustody>(held)}));
    EXPECT_EQ(held, 1) << "not before the commit interval is over";
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (held != 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_EQ(held, 0);
    EXPECT_EQ(database_.rows("archive"), 1);
}

TEST_F(ArchiveStoreTest, WhatWaitsIsWrittenAtTheEndAndIdsGoOn) {
    const auto last = add("a@example.org", "x@example.net", base(), "one");
    reopen();
    EXPECT_EQ(texts(run(archive().query({.owner = jid("a@example.org"), .limit = 10}))), "one ");
    EXPECT_GT(archive().make_id(SystemClock::instance().wall()).time, last.time);
}

TEST_F(ArchiveStoreTest, ExpiresByAgeAndByCount) {
    const auto now = base();
    for (int i = 0; i < 10; ++i) add("a@example.org", "x@example.net", now + i * 1s, std::to_string(i));
    add("b@example.org", "x@example.net", now, "hers");
    const auto all = [&] { return texts(run(archive().query({.owner = jid("a@example.org"), .limit = 100}))); };
    all();  // it is all on disk now
    EXPECT_EQ(run(archive().expire(jid("a@example.org"), now + 2s, 0, 100)), 2u);
    EXPECT_EQ(all(), "2 3 4 5 6 7 8 9 ");
    EXPECT_EQ(run(archive().expire(jid("a@example.org"), WallTime{}, 6, 100)), 2u);
    EXPECT_EQ(all(), "4 5 6 7 8 9 ");
    EXPECT_EQ(run(archive().expire(jid("a@example.org"), WallTime{}, 6, 100)), 0u);
    EXPECT_EQ(run(archive().expire(jid("a@example.org"), now + 1h, 0, 4)), 4u) << "not more at a time than asked";
    EXPECT_EQ(all(), "8 9 ");
    EXPECT_EQ(run(archive().query({.owner = jid("b@example.org"), .limit = 100})).messages.size(), 1u);
    const auto owners = run(archive().owners("example.org", {}, 10));
    EXPECT_EQ(owners, (std::vector{jid("a@example.org"), jid("b@example.org")}));
    EXPECT_EQ(run(archive().owners("example.org", owners.front(), 10)).size(), 1u);
}

TEST_F(ArchiveStoreTest, WhatIsBeyondABoundOfOctetsIsTheOldest) {
    const auto user = jid("a@example.org");
    std::vector<ArchiveId> ids;
    for (const auto* text : {"1234567890", "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", "1234567890", "1234567890"})
        ids.push_back(add("a@example.org", "x@example.net", base(), text));
    add("b@example.org", "x@example.net", base(), "hers");
    EXPECT_EQ(run(archive().oldest_within(user, 40)), WallTime{}) << "nothing is beyond";
    EXPECT_EQ(run(archive().expire(user, run(archive().oldest_within(user, 39)), 0, 100)), 1u);
    EXPECT_EQ(run(archive().ends(user))->first, ids[1]);
    EXPECT_EQ(run(archive().expire(user, run(archive().oldest_within(user, 20)), 0, 100)), 1u);
    EXPECT_EQ(run(archive().ends(user))->first, ids[2]);
    EXPECT_EQ(run(archive().expire(user, run(archive().oldest_within(user, 9)), 0, 100)), 2u);
    EXPECT_FALSE(run(archive().ends(user)));
    EXPECT_TRUE(run(archive().ends(jid("b@example.org")))) << "of one owner";
}

TEST_F(ArchiveStoreTest, ABoundOfOctetsIsFoundInALongArchive) {
    const auto user = jid("a@example.org");
    std::vector<ArchiveId> ids;
    for (int i = 0; i < 5000; ++i) ids.push_back(add("a@example.org", "x@example.net", base(), "12345"));
    const auto oldest = run(archive().oldest_within(user, 4500 * 5));
    EXPECT_GT(oldest, ids[499].when());
    EXPECT_LE(oldest, ids[500].when());
}

TEST_F(ArchiveStoreTest, ARemovedUserLeavesNothingBehind) {
    const auto user = jid("a@example.org");
    add("a@example.org", "x@example.net", SystemClock::instance().wall(), "before");
    run(archive().query({.owner = user, .limit = 1}));
    run(archive().set_preferences(user, {.otherwise = ArchivePreferences::Default::never, .always = {}, .never = {}}));
    add("a@example.org", "x@example.net", SystemClock::instance().wall(), "waits for the disk");
    EXPECT_TRUE(run(storage_->users().remove(user)));
    EXPECT_TRUE(run(storage_->users().create(user, {})));
    EXPECT_EQ(texts(run(archive().query({.owner = user, .limit = 10}))), "");
    EXPECT_TRUE(run(archive().preferences("example.org")).empty());
}

TEST_F(ArchiveStoreTest, PreferencesAreKept) {
    const ArchivePreferences some{.otherwise = ArchivePreferences::Default::roster,
                                  .always = {jid("x@example.net"), jid("y@example.net/r s")},
                                  .never = {jid("z@example.net")}};
    run(archive().set_preferences(jid("a@example.org"), {}));
    run(archive().set_preferences(jid("a@example.org"), some));
    const auto all = run(archive().preferences("example.org"));
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all.at(jid("a@example.org")), some);
    EXPECT_TRUE(run(archive().preferences("example.net")).empty());
}

TEST_F(ArchiveStoreTest, EndsAreTheOldestAndTheNewest) {
    EXPECT_FALSE(run(archive().ends(jid("a@example.org"))));
    const auto first = add("a@example.org", "x@example.net", base(), "one");
    add("a@example.org", "x@example.net", base(), "two");
    const auto last = add("a@example.org", "x@example.net", base(), "three");
    const auto ends = run(archive().ends(jid("a@example.org")));
    ASSERT_TRUE(ends);
    EXPECT_EQ(ends->first, first);
    EXPECT_EQ(ends->last, last);
}

/// What the database says it does for that query.
std::string plan(soci::session& sql, const ArchiveQuery& query) {
    ArchiveMatching matching{query, Dialect::sqlite};
    soci::row row;
    soci::statement explain{sql};
    matching.bind(explain);
    explain.exchange(soci::into(row));
    explain.alloc();
    explain.prepare("EXPLAIN QUERY PLAN " + page_sql(query, Dialect::sqlite));
    explain.define_and_bind();
    explain.execute();
    std::string text;
    while (explain.fetch()) text += row.get<std::string>("detail") + '\n';
    return text;
}

TEST_F(ArchiveStoreTest, QueriesAreAnsweredFromTheIndicesWithoutSorting) {
    if (!on_sqlite()) GTEST_SKIP() << "the plan is SQLite's";
    const auto session = database_.session();
    auto& sql = *session;
    ArchiveQuery query{.owner = jid("a@example.org"), .start = WallTime{} + 1s, .limit = 10};
    for (const bool newest_first : {false, true}) {
        query.newest_first = newest_first;
        query.with.reset();
        EXPECT_EQ(plan(sql, query), "SEARCH archive USING INDEX archive_by_owner (owner=? AND id>? AND id<?)\n");
        query.with = jid("x@example.net/r");
        EXPECT_EQ(plan(sql, query),
                  "SEARCH archive USING INDEX archive_by_peer (owner=? AND peer=? AND id>? AND id<?)\n");
    }
    query = {.owner = jid("a@example.org"), .ids = {{1, 2}, {3, 4}}, .limit = 10};
    EXPECT_EQ(plan(sql, query), "SEARCH archive USING INDEX archive_by_owner (owner=? AND id=?)\n");
}

TEST(Xep0313S3Id, HasOneSpelling) {
    const ArchiveId id{0x5c0ffee, -2};
    EXPECT_EQ(id.text(), "5c0ffee-fffffffffffffffe");
    EXPECT_EQ(ArchiveId::parse(id.text()), id);
    for (const auto* wrong : {"", "-", "5c0ffee", "5c0ffee-fffffffffffffff", "5C0FFEE-fffffffffffffffe",
                              "05c0ffee-fffffffffffffffe", "x-fffffffffffffffe", "-fffffffffffffffe",
                              "ffffffffffffffff-fffffffffffffffe", "11111111111111111-fffffffffffffffe"}) {
        EXPECT_FALSE(ArchiveId::parse(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace carillon::storage
