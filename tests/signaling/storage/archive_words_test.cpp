/// Searching the archive on disk: what is found, whose it is, that it goes with its messages, and how it is looked up.
#include "signaling/storage/archive_words.h"

#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "signaling/storage/archive_queue.h"
#include "signaling/storage/archive_sql.h"
#include "signaling/storage/directory_store.h"
#include "signaling/storage/sql_storage.h"

namespace carillon::storage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }

class ArchiveWords : public testing::Test {
  protected:
    ArchiveWords() {
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-words-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        storage_ = open_sqlite(folder_ / "test.db");
        for (const auto* user : {"a@example.org", "b@example.org"}) run(storage_->users().create(jid(user), {}));
    }
    ~ArchiveWords() override {
        storage_.reset();
        std::filesystem::remove_all(folder_);
    }
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
    std::int64_t count(const std::string& table) {
        soci::session sql{"sqlite3", "dbname=" + (folder_ / "test.db").string()};
        int rows = 0;
        sql << "SELECT COUNT(*) FROM " + table, soci::into(rows);
        return rows;
    }
    std::filesystem::path folder_;
    std::unique_ptr<Storage> storage_;
    WallTime base_ = SystemClock::instance().wall() + 1h;
};

TEST(ArchiveWordsExpression, NothingInItHasAMeaning) {
    const auto mine = "owner_word : \"o000000000000002a\" AND body : (";
    EXPECT_EQ(words_expression("quick fox", 42), mine + std::string{"\"quick\" AND \"fox\")"});
    EXPECT_EQ(words_expression("\"quick fox\"jumps", 42), mine + std::string{"\"quick fox\" AND \"jumps\")"});
    EXPECT_EQ(words_expression("qui*", 42), mine + std::string{"\"qui\" *)"});
    EXPECT_EQ(words_expression("a\"b OR NOT:", 42), mine + std::string{"\"a\"\"b\" AND \"OR\" AND \"NOT:\")"});
    EXPECT_EQ(words_expression(" \t\"\" ", 42), "");
    EXPECT_EQ(owner_word(-1), "offffffffffffffff");
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
    EXPECT_EQ(count("archive_text"), 1);
    EXPECT_TRUE(run(storage_->users().remove(jid("b@example.org"))));
    EXPECT_EQ(count("archive_text"), 0);
}

TEST_F(ArchiveWords, AreLookedUpInTheIndex) {
    add("a@example.org", "quick");
    EXPECT_EQ(find("quick"), "quick|");
    soci::session sql{"sqlite3", "dbname=" + (folder_ / "test.db").string()};
    ArchiveQuery query{.owner = jid("a@example.org"), .words = "quick", .limit = 10};
    ArchiveMatching matching{query};
    soci::statement select{sql};
    matching.bind(select);
    int a = 0, b = 0, c = 0;
    std::string detail, plan;
    select.exchange(soci::into(a));
    select.exchange(soci::into(b));
    select.exchange(soci::into(c));
    select.exchange(soci::into(detail));
    select.alloc();
    select.prepare("EXPLAIN QUERY PLAN " + page_sql(query));
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
