/// Spec: RFC 6120 §7 (resource binding).
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

TEST(Rfc6120S7Binding, TheResourceAskedForOrOneOfTheServers) {
    World world;
    Client asked;
    EXPECT_EQ(asked.log_in(world.port(), "alice", "localhost", "desk", "secret"), "alice@localhost/desk");
    Client one;
    Client two;
    const auto first = one.log_in(world.port(), "alice", "localhost", "", "secret");
    const auto second = two.log_in(world.port(), "alice", "localhost", "", "secret");
    EXPECT_TRUE(first.starts_with("alice@localhost/"));
    EXPECT_GT(first.size(), std::string{"alice@localhost/"}.size() + 8);
    EXPECT_NE(first, second);
}

TEST(Rfc6120S7p7p2p2Conflict, TheNewSessionReplacesTheOld) {
    World world;
    auto old = world.log_in("alice", "desk");
    auto fresh = world.log_in("alice", "desk");
    EXPECT_TRUE(old->expect_element().child("conflict"));
    EXPECT_TRUE(std::holds_alternative<xml::StreamClose>(old->next_event()));
    fresh->send("<message to='alice@localhost/desk' id='1'/>");
    EXPECT_EQ(fresh->expect_element().attribute("id"), "1");
    EXPECT_EQ(world.host->sessions().size(), 1u);
}

TEST(Rfc6120S7p7p2p2Conflict, OrTheNewOneGetsAnotherName) {
    WorldOptions options;
    options.sessions.replace_on_conflict = false;
    World world{std::move(options)};
    auto old = world.log_in("alice", "desk");
    Client fresh;
    EXPECT_NE(fresh.log_in(world.port(), "alice", "localhost", "desk", "secret"), "alice@localhost/desk");
    EXPECT_TRUE(old->drain("localhost").empty());
}

TEST(Rfc6120S7p7p1TooMany, SessionsOfOneUserAreBounded) {
    WorldOptions options;
    options.sessions.sessions_per_user = 2;
    World world{std::move(options)};
    auto one = world.log_in("alice", "1");
    auto two = world.log_in("alice", "2");
    EXPECT_THROW(world.log_in("alice", "3"), std::runtime_error);
    EXPECT_EQ(world.host->sessions().size(), 2u);
}

TEST(Rfc3921S3Session, OldClientsAreHumoured) {
    World world;
    run(world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>
        alice/desk receives
            <iq type='result' id='s'/>
        alice/desk sends
            <iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>
        alice/desk receives
            <iq type='error' id='b'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(HostShutdown, TellsEveryStream) {
    World world;
    auto client = world.log_in("alice", "desk");
    world.streams->shutdown("system-shutdown", std::chrono::milliseconds{200});
    EXPECT_TRUE(client->expect_element().child("system-shutdown"));
    EXPECT_TRUE(std::holds_alternative<xml::StreamClose>(client->next_event()));
}

}  // namespace
}  // namespace carillon::scenarios
