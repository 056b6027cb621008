#include "signaling/storage/sql_storage.h"

#include <gtest/gtest.h>

#include "signaling/storage/push_store.h"
#include "signaling/storage/token_store.h"

#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

namespace asio = boost::asio;

class SqlStorageTest : public StorageFixture {
  protected:
    bool create(const xmpp::Jid& user) {
        return run(storage_->users().create(user, {{.mechanism = "SCRAM-SHA-1",
                                                    .salt = std::string("s\0t", 3),
                                                    .iterations = 7,
                                                    .stored_key = "a",
                                                    .server_key = "b"}}));
    }
};

TEST_F(SqlStorageTest, UsersSurviveARestart) {
    EXPECT_TRUE(create(jid("a@example.org")));
    EXPECT_FALSE(create(jid("a@example.org"))) << "twice";
    EXPECT_TRUE(create(jid("b);drop-table-users;--\xC3\xA9@example.org")));
    reopen();
    EXPECT_TRUE(run(storage_->users().exists(jid("a@example.org"))));
    EXPECT_FALSE(run(storage_->users().exists(jid("c@example.org"))));
    const auto keys = run(storage_->users().keys(jid("a@example.org"), "SCRAM-SHA-1"));
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->salt, std::string("s\0t", 3));
    EXPECT_EQ(keys->iterations, 7u);
    EXPECT_FALSE(run(storage_->users().keys(jid("a@example.org"), "SCRAM-SHA-256")));
    EXPECT_EQ(run(storage_->users().list("example.org")).size(), 2u);
    EXPECT_TRUE(run(storage_->users().list("example.net")).empty());
}

TEST_F(SqlStorageTest, RosterItemsComeBackAsTheyWere) {
    const auto user = jid("a@example.org");
    create(user);
    session::RosterItem item{.jid = jid("c@example.net"),
                             .name = "O'Neill <x>",
                             .groups = {"one", "<two> & 'three'", ""},
                             .to = true,
                             .pending_in = true,
                             .listed = false,
                             .request = "<presence/>",
                             .version = 4};
    run(storage_->rosters().put(user, item, 4));
    item.version = 5;
    item.from = true;
    run(storage_->rosters().put(user, item, 5));
    run(storage_->rosters().put(user, {.jid = jid("d@example.net")}, 6));
    run(storage_->rosters().remove(user, jid("d@example.net"), 7));
    reopen();
    const auto roster = run(storage_->rosters().load(user));
    EXPECT_EQ(roster.version, 7u);
    ASSERT_EQ(roster.items.size(), 1u);
    const auto* found = roster.find(jid("c@example.net"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "O'Neill <x>");
    EXPECT_EQ(found->groups, (session::Groups{"one", "<two> & 'three'", ""}));
    EXPECT_EQ(found->subscription(), "both");
    EXPECT_TRUE(found->pending_in);
    EXPECT_FALSE(found->listed);
    EXPECT_EQ(found->request, "<presence/>");
    EXPECT_EQ(found->version, 5u);
}

TEST_F(SqlStorageTest, BlockListComesWithTheRoster) {
    const auto user = jid("a@example.org");
    create(user);
    run(storage_->rosters().block(user, {jid("x@example.net/y"), jid("spam.example"), jid("spam.example")}));
    run(storage_->rosters().block(user, {jid("spam.example"), jid("o_neill@example.net")}));
    run(storage_->rosters().unblock(user, {jid("x@example.net/y"), jid("never@example.net")}));
    reopen();
    EXPECT_EQ(run(storage_->rosters().load(user)).blocked.entries(),
              (std::vector{jid("o_neill@example.net"), jid("spam.example")}));
    EXPECT_TRUE(run(storage_->rosters().load(jid("b@example.org"))).blocked.empty());
}

TEST_F(SqlStorageTest, OfflineMessagesKeepOrderAndLimit) {
    const auto user = jid("a@example.org");
    create(user);
    auto& offline = storage_->offline();
    for (int i = 0; i < 3; ++i) {
        xml::Element message{"message", "jabber:client"};
        message.add("body").add_text(std::to_string(i));
        EXPECT_TRUE(run(offline.push(user, message, WallTime{std::chrono::seconds{100}}, 3)));
    }
    EXPECT_FALSE(run(offline.push(user, xml::Element{"message", "jabber:client"}, WallTime{}, 3))) << "full";
    reopen();
    const auto messages = run(storage_->offline().load(user));
    ASSERT_EQ(messages.size(), 3u);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(messages[static_cast<std::size_t>(i)].stanza.child_text("body"), std::to_string(i));
    EXPECT_EQ(messages[0].stored, WallTime{std::chrono::seconds{100}});
    run(storage_->offline().erase_up_to(user, messages[1].id));
    EXPECT_EQ(run(storage_->offline().load(user)).size(), 1u);
}

TEST_F(SqlStorageTest, RemovingAUserTakesAllThatIsTheirs) {
    const auto user = jid("a@example.org");
    create(user);
    run(storage_->rosters().put(user, {.jid = jid("c@example.net")}, 1));
    run(storage_->rosters().block(user, {jid("c@example.net")}));
    run(storage_->offline().push(user, xml::Element{"message", "jabber:client"}, WallTime{}, 3));
    run(storage_->user_data().put(user, "s", "a", "x", {.entries = 1, .octets = 100}));
    EXPECT_TRUE(run(storage_->users().remove(user)));
    EXPECT_FALSE(run(storage_->users().remove(user)));
    create(user);
    EXPECT_TRUE(run(storage_->rosters().load(user)).items.empty());
    EXPECT_TRUE(run(storage_->rosters().load(user)).blocked.empty());
    EXPECT_EQ(run(storage_->user_data().get(user, "s", "a")), std::nullopt);
    EXPECT_TRUE(run(storage_->offline().load(user)).empty());
}

TEST_F(SqlStorageTest, LogInTokensHaveTwoPlacesForEachClient) {
    const auto user = jid("tokens@example.org");
    ASSERT_TRUE(create(user));
    auto& store = storage_->tokens();
    const auto at = [](int seconds) { return WallTime{std::chrono::seconds{seconds}}; };
    const auto token = [&](std::string salt, int issued) {
        return StoredToken{"HT-SHA-256-NONE", std::move(salt), at(issued), at(issued + 1000), true};
    };
    run(store.put(user, "phone", token("one", 10), 2));
    run(store.put(user, "phone", token("two", 20), 2));
    auto found = run(store.load(user, "phone"));
    ASSERT_EQ(found.size(), 1u) << "the one that was not used is replaced";
    EXPECT_EQ(found[0].salt, "two");
    run(store.promote(user, "phone"));
    run(store.put(user, "phone", token("three", 30), 2));
    found = run(store.load(user, "phone"));
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].salt, "three");
    EXPECT_FALSE(found[1].fresh);
    run(store.promote(user, "phone"));
    EXPECT_EQ(run(store.load(user, "phone")).size(), 1u) << "the one before goes";

    run(store.put(user, "tablet", token("a", 40), 2));
    run(store.put(user, "desk", token("b", 50), 2));
    EXPECT_TRUE(run(store.load(user, "phone")).empty()) << "the client that was given one longest ago";
    run(store.erase(user, "tablet"));
    EXPECT_TRUE(run(store.load(user, "tablet")).empty());
    EXPECT_EQ(run(store.load(user, "desk")).size(), 1u);
    EXPECT_TRUE(run(storage_->users().set_keys(user, {})));
    EXPECT_TRUE(run(store.load(user, "desk")).empty()) << "a new password ends them all";
    run(store.put(jid("nobody@example.org"), "desk", token("c", 60), 2));
    EXPECT_TRUE(run(store.load(jid("nobody@example.org"), "desk")).empty());
}

TEST_F(SqlStorageTest, UserDataIsBoundedByEntriesAndOctets) {
    const auto user = jid("a@example.org");
    create(user);
    auto& data = storage_->user_data();
    const UserDataStore::Bounds bounds{.entries = 2, .octets = 20};
    EXPECT_TRUE(run(data.put(user, "s", "a", "'one'", bounds)));
    EXPECT_TRUE(run(data.put(user, "s", "a", "one again", bounds))) << "it takes the place of the first";
    EXPECT_FALSE(run(data.put(user, "s", "b", "too many octets", bounds)));
    EXPECT_TRUE(run(data.put(user, "s", "b", "\u00e4", bounds)));
    EXPECT_FALSE(run(data.put(user, "s", "c", "", bounds))) << "too many entries";
    EXPECT_TRUE(run(data.put(user, "t", "a", "another drawer", bounds)));
    reopen();
    EXPECT_EQ(run(storage_->user_data().get(user, "s", "a")), "one again");
    EXPECT_EQ(run(storage_->user_data().get(user, "s", "b")), "\u00e4");
    EXPECT_EQ(run(storage_->user_data().get(user, "s", "c")), std::nullopt);
    run(storage_->user_data().erase(user, "s", "a"));
    EXPECT_EQ(run(storage_->user_data().get(user, "s", "a")), std::nullopt);
    run(storage_->user_data().put_for_many("t", "a", {{jid("nobody@example.org"), "x"}, {user, "y"}}));
    EXPECT_EQ(run(storage_->user_data().get(user, "t", "a")), "y");
    EXPECT_EQ(run(storage_->user_data().get(jid("nobody@example.org"), "t", "a")), std::nullopt);
}

TEST_F(SqlStorageTest, ADisabledAccountStaysDisabledAfterARestart) {
    const auto user = jid("a@example.org");
    create(user);
    create(jid("b@example.org"));
    EXPECT_EQ(run(storage_->user_data().get(user, "account", "disabled")), std::nullopt);
    run(storage_->user_data().put(user, "account", "disabled", "yes", {.entries = 10, .octets = 100}));
    EXPECT_EQ(run(storage_->user_data().get(user, "account", "disabled")), "yes");
    reopen();
    EXPECT_EQ(run(storage_->user_data().get(user, "account", "disabled")), "yes");
    EXPECT_EQ(run(storage_->user_data().get(jid("b@example.org"), "account", "disabled")), std::nullopt);
    run(storage_->user_data().erase(user, "account", "disabled"));
    EXPECT_EQ(run(storage_->user_data().get(user, "account", "disabled")), std::nullopt);
    run(storage_->user_data().put_for_many("account", "disabled", {{user, "yes"}}));
    EXPECT_EQ(run(storage_->user_data().get(user, "account", "disabled")), "yes");
}

TEST_F(SqlStorageTest, InvitesAreCountedUsedAndForgotten) {
    using namespace std::chrono_literals;
    const auto user = jid("a@example.org");
    create(user);
    const WallTime now{1'000'000s};
    auto& invites = storage_->invites();
    const auto make = [&](std::string token, WallTime created) {
        return Invite{.token = std::move(token),
                      .host = "example.org",
                      .inviter = user,
                      .created = created,
                      .expires = created + 1h};
    };
    EXPECT_TRUE(run(invites.add(make("one", now), 2)));
    EXPECT_TRUE(run(invites.add(make("two", now), 2)));
    EXPECT_FALSE(run(invites.add(make("three", now), 2)));
    EXPECT_TRUE(run(invites.add(make("three", now + 2h), 2))) << "the first two have expired";
    EXPECT_TRUE(run(invites.add({.token = "free",
                                 .host = "example.org",
                                 .account = "carol",
                                 .registers = true,
                                 .created = now + 2h,
                                 .expires = now + 3h,
                                 .uses = 2},
                                0)));
    reopen();
    auto& again = storage_->invites();
    EXPECT_EQ(run(again.list("example.org", now + 2h)).size(), 2u);
    EXPECT_TRUE(run(again.keeps("example.org", "carol", now + 2h)));
    EXPECT_FALSE(run(again.keeps("example.org", "carol", now + 3h)));
    EXPECT_FALSE(run(again.keeps("example.net", "carol", now + 2h)));
    const auto found = run(again.find("free"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->account, "carol");
    EXPECT_TRUE(found->registers);
    EXPECT_TRUE(found->inviter.empty());
    EXPECT_EQ(found->expires, now + 3h);
    EXPECT_TRUE(run(again.use("free")));
    EXPECT_TRUE(run(again.use("free")));
    EXPECT_FALSE(run(again.use("free"))) << "two uses were all";
    EXPECT_TRUE(run(again.remove("three")));
    EXPECT_FALSE(run(again.remove("three")));
    EXPECT_TRUE(run(again.add(make("late", now + 48h), 5)));
    EXPECT_EQ(run(again.find("one")), std::nullopt) << "expired a day ago";
    EXPECT_TRUE(run(storage_->users().remove(user)));
    EXPECT_EQ(run(again.find("late")), std::nullopt) << "gone with the inviter";
}

TEST_F(SqlStorageTest, StrangersHaveNoRoster) {
    EXPECT_THROW(run(storage_->rosters().put(jid("nobody@example.org"), {.jid = jid("c@example.net")}, 1)),
                 StorageError)
        << "a row without its user would outlive everything";
}

TEST_F(SqlStorageTest, PushRegistrationsAreKeptWithinTheirLimit) {
    const auto user = jid("a@example.org");
    create(user);
    auto& pushes = storage_->pushes();
    const PushRegistration first{.service = jid("push.example.net"), .node = "1", .form = "<x/>"};
    const PushRegistration second{.service = jid("push.example.net"), .node = "2", .form = ""};
    EXPECT_TRUE(run(pushes.put(user, first, 2)));
    EXPECT_TRUE(run(pushes.put(user, second, 2)));
    EXPECT_FALSE(run(pushes.put(user, {.service = jid("other.example.net"), .node = "1", .form = ""}, 2)));
    EXPECT_TRUE(run(pushes.put(user, first, 2))) << "not one more";
    auto counted = second;
    counted.failures = 3;
    counted.messages = 7;
    run(pushes.count(user, counted));
    reopen();
    auto found = run(storage_->pushes().load(user));
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].form, "<x/>");
    EXPECT_EQ(found[1].node, "2");
    EXPECT_EQ(found[1].failures, 3u);
    EXPECT_EQ(found[1].messages, 7u);
    run(storage_->pushes().erase(user, jid("push.example.net"), "1"));
    EXPECT_EQ(run(storage_->pushes().load(user)).size(), 1u);
    run(storage_->pushes().erase(user, jid("push.example.net"), std::nullopt));
    EXPECT_TRUE(run(storage_->pushes().load(user)).empty());
    EXPECT_TRUE(run(storage_->pushes().put(user, first, 2)));
    EXPECT_TRUE(run(storage_->users().remove(user)));
    EXPECT_TRUE(run(storage_->pushes().load(user)).empty());
}

TEST_F(SqlStorageTest, CallRecordsAreReplacedAndFoundFromBothSides) {
    CallRecord record{.id = "1",
                      .host = "example.org",
                      .caller = jid("a@example.org/x"),
                      .callee = jid("b@example.org/y"),
                      .started = WallTime{std::chrono::seconds{10}},
                      .path = "forward"};
    run(storage_->calls().put(record));
    record.ended = WallTime{std::chrono::milliseconds{12'345}};
    record.bytes_to_callee = 5'000'000'000;
    record.loss_to_caller = 0.25;
    record.reason = "success";
    run(storage_->calls().put(record));
    reopen();
    for (const auto* user : {"a@example.org", "b@example.org"}) {
        const auto calls = run(storage_->calls().list(jid(user), 10));
        ASSERT_EQ(calls.size(), 1u) << user;
        EXPECT_EQ(calls[0].ended, record.ended);
        EXPECT_FALSE(calls[0].answered);
        EXPECT_EQ(calls[0].bytes_to_callee, 5'000'000'000u);
        EXPECT_EQ(calls[0].loss_to_caller, 0.25);
    }
    EXPECT_TRUE(run(storage_->calls().list(jid("c@example.org"), 10)).empty());
    EXPECT_EQ(run(storage_->calls().list({}, 10)).size(), 1u);
    EXPECT_EQ(run(storage_->calls().get("1"))->reason, "success");
    EXPECT_FALSE(run(storage_->calls().get("2")));
}

TEST_F(SqlStorageTest, ManyWritersAtOnceLoseNothing) {
    const auto user = jid("a@example.org");
    create(user);
    asio::io_context io;
    int done = 0;
    for (int i = 0; i < 200; ++i) {
        asio::co_spawn(io, storage_->offline().push(user, xml::Element{"message", "jabber:client"}, WallTime{}, 1000),
                       [&](std::exception_ptr thrown, bool stored) { done += !thrown && stored; });
    }
    io.run();
    EXPECT_EQ(done, 200);
    EXPECT_EQ(run(storage_->offline().load(user)).size(), 200u);
}

TEST_F(SqlStorageTest, WritesHappenInTheOrderTheyWereAskedFor) {
    const auto user = jid("a@example.org");
    create(user);
    asio::io_context io;
    int failed = 0;
    const auto ended = [&](std::exception_ptr thrown) { failed += thrown != nullptr; };
    for (std::uint64_t i = 1; i <= 300; ++i) {
        const auto contact = jid("c" + std::to_string(i / 3) + "@example.org");
        auto write = i % 3 == 2 ? storage_->rosters().remove(user, contact, i)
                                : storage_->rosters().put(user, {.jid = contact, .from = i % 3 == 1, .version = i}, i);
        asio::co_spawn(io, std::move(write), ended);
    }
    io.run();
    EXPECT_EQ(failed, 0);
    const auto roster = run(storage_->rosters().load(user));
    EXPECT_EQ(roster.version, 300u);
    ASSERT_EQ(roster.items.size(), 1u) << "each put before a remove, and none after it";
    EXPECT_EQ(roster.items.begin()->jid, jid("c100@example.org"));
}

TEST_F(SqlStorageTest, AFailureTellsNoneOfTheValuesThatWereBound) {
    const session::RosterItem item{.jid = jid("private@example.net")};
    try {
        run(storage_->rosters().put(jid("nobody@example.org"), item, 1));
        FAIL() << "stored";
    } catch (const StorageError& error) {
        const std::string reason = error.what();
        EXPECT_NE(reason.find(on_sqlite() ? "FOREIGN KEY" : "foreign key"), std::string::npos) << reason;
        EXPECT_EQ(reason.find("private"), std::string::npos) << reason;
    }
}

TEST_F(SqlStorageTest, ANewerDatabaseIsRefusedWithTheRemedy) {
    storage_.reset();
    {
        *database_.session() << "INSERT INTO schema_version (number) VALUES (9999)";
    }
    try {
        database_.open();
        FAIL() << "opened";
    } catch (const StorageError& error) {
        EXPECT_NE(std::string{error.what()}.find("newer Carillon"), std::string::npos) << error.what();
    }
}

TEST(SqlStorage, AnUnusablePathIsAnError) { EXPECT_THROW(open_sqlite("/nonexistent-folder/x.db"), StorageError); }

}  // namespace
}  // namespace carillon::storage
