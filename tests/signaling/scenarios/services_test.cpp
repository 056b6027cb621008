/// What modules may do besides handlers: serve a domain, ask clients, change and take what passes.
#include <gtest/gtest.h>

#include <set>

#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.shards = 3;
    options.modules.push_back(service_module());
    return std::make_unique<World>(std::move(options));
}

TEST(ServedDomain, GetsEveryStanzaOnTheShardThatOwnsTheAddressee) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    std::set<std::string> shards;
    for (int i = 0; i < 24; ++i) {
        const auto who = "room" + std::to_string(i);
        const auto send = [&] {
            alice->send("<message to='" + who + "@echo.localhost/x' id='" + who + "'/>");
            return alice->expect_element();
        };
        const auto first = send();
        EXPECT_EQ(first.attribute("from"), who + "@echo.localhost/x");
        EXPECT_EQ(first.attribute("id"), who);
        EXPECT_EQ(send().attribute("shard"), first.attribute("shard")) << "always the same";
        shards.emplace(first.attribute("shard"));
    }
    EXPECT_EQ(shards.size(), 3u);
}

TEST(ServedDomain, OneDomainHasOneOwner) {
    auto world = make_world();
    auto twin = service_module();
    twin.info.name = "twin";
    ASSERT_TRUE(world->host->repository().add({twin}));
    const auto loaded = world->host->repository().load("localhost", "twin");
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().find("served already"), std::string::npos);
}

TEST(Question, IsAnsweredByWhoWasAskedAlone) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    auto carol = world->log_in("carol", "phone");
    alice->send("<message to='bob@localhost/phone'><ask xmlns='urn:example:service'/></message>");
    const auto question = bob->expect_element();
    const std::string id{question.attribute("id")};
    EXPECT_TRUE(question.child("question"));
    EXPECT_EQ(question.attribute("from"), "localhost");
    carol->send("<iq type='result' to='localhost' id='" + id + "'/>");
    carol->drain("localhost");
    EXPECT_TRUE(alice->drain("localhost").empty()) << "a stranger's answer is no answer";
    bob->send("<iq type='result' to='localhost' id='" + id + "'/>");
    EXPECT_EQ(alice->expect_element().attribute("id"), "result");
    bob->send("<iq type='result' to='localhost' id='" + id + "'/>");
    EXPECT_TRUE(alice->drain("localhost").empty()) << "once only";
}

TEST(Question, NobodyThereIsAnErrorSilenceIsNothing) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    alice->send("<message to='bob@localhost/gone'><ask xmlns='urn:example:service'/></message>");
    EXPECT_EQ(alice->expect_element().attribute("id"), "error");
    alice->send("<message to='bob@localhost/phone'><ask xmlns='urn:example:service'/></message>");
    EXPECT_EQ(alice->expect_element().attribute("id"), "nothing");
}

TEST(Interceptor, MayChangeWhatPasses) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <message to='bob@localhost/phone' id='1'/>
        bob/phone receives
            <message id='1'><seen xmlns='urn:example:service'/></message>
    )");
}

TEST(Account, RemovedUsersAreSentAwayAndMadeOnesServed) {
    auto world = make_world();
    auto bob = world->log_in("bob", "phone");
    const auto jid = xmpp::Jid::parse("bob@localhost").value();
    world->host->account_changed(jid, true);
    EXPECT_TRUE(bob->expect_element().child("not-authorized"));
    world->storage.add_user("erin@localhost", "secret");
    world->host->account_changed(xmpp::Jid::parse("erin@localhost").value(), false);
    EXPECT_TRUE(world->log_in("erin", "desk")->drain("localhost").empty());
}

TEST(Operator, SeesAndEndsSessions) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto phone = world->log_in("alice", "phone");
    ASSERT_EQ(world->host->sessions().size(), 2u);
    EXPECT_EQ(world->host->sessions().front().jid, "alice@localhost/desk");
    EXPECT_TRUE(world->host->sessions().front().encrypted);
    EXPECT_EQ(world->host->kick(xmpp::Jid::parse("alice@localhost/desk").value()), 1u);
    EXPECT_TRUE(alice->expect_element().child("policy-violation"));
    EXPECT_TRUE(phone->drain("localhost").empty());
    EXPECT_EQ(world->host->kick(xmpp::Jid::parse("nobody@localhost").value()), 0u);
}

}  // namespace
}  // namespace carillon::scenarios
