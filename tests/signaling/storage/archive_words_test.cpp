/// Searching the archive on disk: what is found, whose it is, that it goes with its messages, and how it is looked up.
#include "signaling/storage/archive_words.h"

#include <gtest/gtest.h>

#include <thread>

#include "signaling/storage/archive_queue.h"
#include "signaling/storage/archive_sql.h"
#include "signaling/storage/directory_store.h"

#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

using namespace std::chrono_literals;

class ArchiveWords : public StorageFixture {
  protected:
    ArchiveWords() {
        for (const auto* user : {"a@example.org", "b@example.org"}) run(storage_->users().create(jid(user), {}));
    }
    ArchiveId add(std::string owner, std::string text) {
        const auto id = storage_->archive().make_id(base_ += 1ms);
        EXPECT_TRUE(storage_->archive().append({.id = id,
                                                .owner = std::move(owner),
                                                .peer = "x@example.net",
                                                .resource = {},
                                                .stanza = text,
                                                .custody = nullptr,
                                                .text = text}));
        return id;
    }
    std::string find(std::string words, std::string owner = "a@example.org") {
        const auto page =
            run(storage_->archive().query({.owner = jid(owner), .words = std::move(words), .limit = 100}));
        std::string all;
        for (const auto& message : page.messages) all += message.stanza + '|';
        return all;
    }
    WallTime base_ = SystemClock::instance().wall() + 1h;
};

TEST(ArchiveWordsExpression, NothingInItHasAMeaning) {
    const auto fts5 = [](std::string_view search) { return words_expression(search, 42, Dialect::sqlite).value(); };
    const std::string mine = "owner_word : \"o000000000000002a\" AND body : (";
    EXPECT_EQ(fts5("Quick fox"), mine + "\"quick\" AND \"fox\")");
    EXPECT_EQ(fts5("\"quick fox\"jumps"), mine + "\"quick fox\" AND \"jumps\")");
    EXPECT_EQ(fts5("qui*"), mine + "\"qui\" *)");
    EXPECT_EQ(fts5("a\"b OR NOT:"), mine + "\"a b\" AND \"or\" AND \"not\")");
    EXPECT_EQ(fts5("-- !"), "") << "there is nothing such";
    EXPECT_FALSE(words_expression(" \t\"\" ", 42, Dialect::sqlite)) << "nothing is looked for";
    EXPECT_EQ(owner_word(-1), "offffffffffffffff");
}

TEST(ArchiveWordsExpression, IsSaidToEachDatabaseInItsWords) {
    const auto postgresql = Dialect::postgresql;
    EXPECT_EQ(words_expression("\"quick fox\" jum* it's", 42, postgresql),
              "'o000000000000002a' & ('quick' <-> 'fox') & ('jum':*) & ('it' <-> 's')");
    EXPECT_EQ(words_body("A quick fox", 42, postgresql), "'a':1 'quick':2 'fox':3 'o000000000000002a'");
    EXPECT_EQ(words_body("A quick fox", 42, Dialect::sqlite), "a quick fox");
    EXPECT_EQ(words_body("...", 42, postgresql), "");
}

TEST_F(ArchiveWords, FindsWordsPhrasesAndBeginnings) {
    add("a@example.org", "The quick brown fox");
    add("a@example.org", "Ein K\xC3\xA4se, und Brot");
    add("b@example.org", "quick as well");
    EXPECT_EQ(find("QUICK"), "The quick brown fox|");
    EXPECT_EQ(find("quick", "b@example.org"), "quick as well|") << "each in their own";
    EXPECT_EQ(find("kase"), "Ein K\xC3\xA4se, und Brot|");
    EXPECT_EQ(find("\"brown fox\""), "The quick brown fox|");
    EXPECT_EQ(find("\"fox brown\""), "");
    EXPECT_EQ(find("bro*"), "The quick brown fox|Ein K\xC3\xA4se, und Brot|");
    EXPECT_EQ(find("bro"), "");
    EXPECT_EQ(find("o000000000000002a"), "") << "the owner's word is not in the text";
    EXPECT_EQ(find(owner_word(jid_number("b@example.org"))), "");
}

TEST_F(ArchiveWords, FindsWhatIsWrittenWithoutBlanks) {
    add("a@example.org", "\u660e\u5929\u5728\u6771\u4eac\u898b\u9762\u3002");  // see you in Tokyo tomorrow
    add("a@example.org", "\u30ab\u30ea\u30e8\u30f3\u3092\u9cf4\u3089\u3059");  // rings the carillon
    add("a@example.org", "\uc11c\uc6b8\uc5d0\uc11c \ub9cc\ub098\uc694");       // let us meet in Seoul
    add("a@example.org", "\u6771\u3001\u4eac");                                // east, capital
    const std::string tokyo = "\u660e\u5929\u5728\u6771\u4eac\u898b\u9762\u3002|";
    EXPECT_EQ(find("\u6771\u4eac"), tokyo);
    EXPECT_EQ(find("\u6771\u4eac\u898b"), tokyo);
    EXPECT_EQ(find("\u9762"), tokyo) << "the last character, by itself";
    EXPECT_EQ(find("\u6771"), tokyo + "\u6771\u3001\u4eac|");
    EXPECT_EQ(find("\u4eac\u6771"), "");
    EXPECT_EQ(find("\uff76\uff98\uff96\uff9d"), "\u30ab\u30ea\u30e8\u30f3\u3092\u9cf4\u3089\u3059|") << "half as wide";
    EXPECT_EQ(find("\uc11c\uc6b8"), "\uc11c\uc6b8\uc5d0\uc11c \ub9cc\ub098\uc694|");
}

TEST_F(ArchiveWords, OfWhatCameBeforeTheIndexAreFoundAsWell) {
    for (int i = 0; i < 1200; ++i) add("a@example.org", "<message xmlns='jabber:client'><body>old</body></message>");
    add("a@example.org", "<message xmlns='jabber:client'><body>quick</body></message>");
    find("x");  // it is all on disk now
    {           // as it was before
        const auto sql = database_.session();
        *sql << "DELETE FROM archive_text";
        *sql << "INSERT INTO archive_backfill (owner, id) SELECT -9223372036854775807, 0 WHERE EXISTS (SELECT 1 FROM "
                "archive)";
    }
    EXPECT_EQ(find("quick"), "");
    reopen();
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (database_.rows("archive_backfill") > 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::yield();
    EXPECT_EQ(database_.rows("archive_text"), 1201);
    EXPECT_NE(find("quick"), "");
    reopen();
    EXPECT_NE(find("quick"), "") << "and only once";
    EXPECT_EQ(database_.rows("archive_text"), 1201);
}

TEST_F(ArchiveWords, GoWithTheirMessages) {
    const auto first = add("a@example.org", "quick one");
    const auto second = add("a@example.org", "quick two");
    add("b@example.org", "quick three");
    EXPECT_EQ(find("quick"), "quick one|quick two|");
    EXPECT_TRUE(run(storage_->archive().replace(jid("a@example.org"), first, "taken back")));
    EXPECT_EQ(find("quick"), "quick two|") << "what was taken back is not found";
    EXPECT_EQ(run(storage_->archive().expire(jid("a@example.org"), second.when() + 1ms, 0, 100)), 2u);
    EXPECT_EQ(find("quick"), "");
    EXPECT_EQ(find("quick", "b@example.org"), "quick three|");
    EXPECT_EQ(database_.rows("archive_text"), 1);
    EXPECT_TRUE(run(storage_->users().remove(jid("b@example.org"))));
    EXPECT_EQ(database_.rows("archive_text"), 0);
}

TEST_F(ArchiveWords, AreLookedUpInTheIndex) {
    add("a@example.org", "quick");
    EXPECT_EQ(find("quick"), "quick|");
    if (!on_sqlite()) GTEST_SKIP() << "the plan is SQLite's";
    const auto session = database_.session();
    auto& sql = *session;
    ArchiveQuery query{.owner = jid("a@example.org"), .words = "quick", .limit = 10};
    ArchiveMatching matching{query, Dialect::sqlite};
    soci::statement select{sql};
    matching.bind(select);
    int a = 0, b = 0, c = 0;
    std::string detail, plan;
    select.exchange(soci::into(a));
    select.exchange(soci::into(b));
    select.exchange(soci::into(c));
    select.exchange(soci::into(detail));
    select.alloc();
    select.prepare("EXPLAIN QUERY PLAN " + page_sql(query, Dialect::sqlite));
    select.define_and_bind();
    select.execute();
    while (select.fetch()) plan += detail + '\n';
    EXPECT_NE(plan.find("archive_words VIRTUAL TABLE INDEX"), std::string::npos) << plan;
    EXPECT_NE(plan.find("INDEX archive_by_owner (owner=? AND id=?)"), std::string::npos) << plan;
}

TEST_F(ArchiveWords, DirectoryFindsPartsWhateverTheCase) {
    auto& directory = *directory_of(*storage_);
    const DirectoryEntry ann{jid("a@example.org"), "Ann", "\xC3\x9Cnder_100%", "annie", "Ann U.", "ann@example.org"};
    EXPECT_TRUE(run(directory.put(ann)));
    EXPECT_FALSE(run(directory.put({.user = jid("nobody@example.org")})));
    const auto find = [&](DirectoryQuery query) {
        query.domain = "example.org";
        return run(directory.find(std::move(query))).size();
    };
    EXPECT_EQ(find({.anywhere = "ANNIE"}), 1u);
    EXPECT_EQ(find({.last = "\xC3\xBCnder_1"}), 1u);
    EXPECT_EQ(find({.last = "nder1"}), 0u) << "a line is no joker";
    EXPECT_EQ(find({.last = "%"}), 1u);
    EXPECT_EQ(find({.first = "%n"}), 0u);
    EXPECT_EQ(find({.first = "ann", .nick = "bob"}), 0u);
    EXPECT_EQ(find({.user = "a"}), 1u);
    EXPECT_EQ(run(directory.find({.domain = "example.org"})), std::vector{ann});
    EXPECT_TRUE(run(storage_->users().remove(jid("a@example.org"))));
    EXPECT_EQ(find({.anywhere = "annie"}), 0u);
}

}  // namespace
}  // namespace carillon::storage
