/// Spec: XEP-0198 (stream management).
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <thread>

#include "signaling/modules/modules.h"
#include "signaling/stream/stream_text.h"
#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

/// A folder that goes with the test.
struct Folder {
    Folder() { std::filesystem::remove_all(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("carillon-journal-" + std::to_string(::getpid()));
};

constexpr std::string_view kSm = "urn:xmpp:sm:3";

/// A connection that has logged in and not bound a resource yet.
std::unique_ptr<Client> authenticated(World& world, const std::string& user) {
    auto client = std::make_unique<Client>();
    client->connect(world.port());
    client->open_stream("localhost");
    client->send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    EXPECT_EQ(client->expect_element().name(), "proceed");
    client->start_tls();
    client->open_stream("localhost");
    const auto plain = stream::base64_encode(std::string{'\0'} + user + '\0' + "secret");
    client->send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + "</auth>");
    EXPECT_EQ(client->expect_element().name(), "success");
    const auto features = client->open_stream("localhost");
    EXPECT_TRUE(features.child("sm", kSm));
    EXPECT_TRUE(features.child("csi", "urn:xmpp:csi:0"));
    return client;
}

xml::Element enable(Client& client, const std::string& attributes = "resume='true'") {
    client.send("<enable xmlns='urn:xmpp:sm:3' " + attributes + "/>");
    return client.expect_element();
}

xml::Element resume(Client& client, const std::string& id, unsigned h) {
    client.send("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='" + std::to_string(h) + "'/>");
    return client.expect_element();
}

/// The next element that is no element of stream management.
xml::Element next_stanza(Client& client) {
    for (;;) {
        auto element = client.expect_element();
        if (element.ns() != kSm) return element;
    }
}

void wait_until_asleep(World& world) {
    for (int i = 0; i < 500 && world.streams->counters().at("stream.hibernating") == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    ASSERT_EQ(world.streams->counters().at("stream.hibernating"), 1u);
}

void chat(Client& from, const std::string& to, const std::string& id) {
    from.send("<message type='chat' to='" + to + "' id='" + id + "'><body>" + id + "</body></message>");
}

WorldOptions with_keeper() {
    WorldOptions options;
    options.modules.push_back(keeper_module());
    options.modules.push_back(echo_module());
    return options;
}

TEST(Xep0198S3Enabling, OnceAndAfterBinding) {
    World world;
    auto early = authenticated(world, "alice");
    EXPECT_TRUE(enable(*early).child("unexpected-request"));
    auto client = world.log_in("alice", "desk");
    const auto enabled = enable(*client, "resume='1' max='30'");
    EXPECT_TRUE(enabled.is("enabled", kSm));
    EXPECT_EQ(enabled.attribute("resume"), "true");
    EXPECT_EQ(enabled.attribute("max"), "30");
    EXPECT_GE(enabled.attribute("id").size(), 16u);
    EXPECT_TRUE(enable(*client).child("unexpected-request"));
    auto plain = world.log_in("alice", "phone");
    const auto only_acks = enable(*plain, "");
    EXPECT_FALSE(only_acks.has_attribute("id"));
    EXPECT_FALSE(only_acks.has_attribute("resume"));
}

TEST(Xep0198S4Acks, CountStanzasOnly) {
    World world{with_keeper()};
    auto client = world.log_in("alice", "desk");
    client->send("<presence/>");
    client->drain("localhost");
    enable(*client);
    client->send("<r xmlns='urn:xmpp:sm:3'/>");
    EXPECT_EQ(client->expect_element().attribute("h"), "0");
    client->send("<iq type='set' id='slow' to='localhost'><echo xmlns='urn:example:echo'/></iq>");
    chat(*client, "bob@localhost", "1");
    client->send("<r xmlns='urn:xmpp:sm:3'/>");
    EXPECT_EQ(next_stanza(*client).attribute("id"), "slow");
    auto answer = client->expect_element();
    while (answer.name() != "a") answer = client->expect_element();  // the server asks, too
    EXPECT_EQ(answer.attribute("h"), "2");
}

TEST(Xep0198S4Acks, TheServerAsksAndWantsNoMoreThanItSent) {
    World world;
    auto client = world.log_in("alice", "desk");
    enable(*client);
    chat(*client, "alice@localhost/desk", "1");
    EXPECT_EQ(client->expect_element().attribute("id"), "1");
    EXPECT_TRUE(client->expect_element().is("r", kSm));
    client->send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    chat(*client, "alice@localhost/desk", "2");
    EXPECT_EQ(client->expect_element().attribute("id"), "2");
    EXPECT_TRUE(client->expect_element().is("r", kSm));
    client->send("<a xmlns='urn:xmpp:sm:3' h='5'/>");
    const auto error = client->expect_element();
    EXPECT_TRUE(error.child("undefined-condition"));
    const auto* why = error.child("handled-count-too-high", kSm);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->attribute("h"), "5");
    EXPECT_EQ(why->attribute("send-count"), "2");
}

TEST(Xep0198S4Acks, TheServerDoesNotAskAgainForWhatAnAnswerLeftOut) {
    World world;
    auto client = world.log_in("alice", "desk");
    enable(*client);
    chat(*client, "alice@localhost/desk", "1");
    EXPECT_EQ(client->expect_element().attribute("id"), "1");
    EXPECT_TRUE(client->expect_element().is("r", kSm));
    client->send("<a xmlns='urn:xmpp:sm:3' h='0'/>");
    chat(*client, "alice@localhost/desk", "2");
    EXPECT_EQ(client->expect_element().attribute("id"), "2");
    EXPECT_TRUE(client->expect_element().is("r", kSm));
}

TEST(Xep0198S4Acks, AreRefusedWhereNobodyEnabledThem) {
    World world;
    auto client = world.log_in("alice", "desk");
    client->send("<r xmlns='urn:xmpp:sm:3'/>");
    EXPECT_TRUE(client->expect_element().child("unsupported-stanza-type"));
}

TEST(Xep0198S5Resumption, NothingIsLostAndNothingComesTwice) {
    World world{with_keeper()};
    auto alice = world.log_in("alice", "desk");
    auto bob = world.log_in("bob", "phone");
    bob->send("<presence/>");
    bob->drain("localhost");
    const auto id = std::string{enable(*bob).attribute("id")};
    chat(*alice, "bob@localhost", "1");
    chat(*alice, "bob@localhost", "2");
    EXPECT_EQ(next_stanza(*bob).attribute("id"), "1");
    EXPECT_EQ(next_stanza(*bob).attribute("id"), "2");
    chat(*bob, "alice@localhost/desk", "b1");
    EXPECT_EQ(next_stanza(*alice).attribute("id"), "b1");
    bob->disconnect();  // it has seen 1, and 2 was lost on the way, as far as it knows
    wait_until_asleep(world);
    chat(*alice, "bob@localhost/phone", "3");
    alice->drain("localhost");
    EXPECT_EQ(world.host->sessions().size(), 2u);
    auto again = authenticated(world, "bob");
    const auto resumed = resume(*again, id, 1);
    EXPECT_TRUE(resumed.is("resumed", kSm));
    EXPECT_EQ(resumed.attribute("previd"), id);
    EXPECT_EQ(resumed.attribute("h"), "1");
    EXPECT_EQ(next_stanza(*again).attribute("id"), "2");
    EXPECT_EQ(next_stanza(*again).attribute("id"), "3");
    again->send("<a xmlns='urn:xmpp:sm:3' h='3'/>");
    chat(*alice, "bob@localhost", "4");  // presence has outlived the cut
    EXPECT_EQ(next_stanza(*again).attribute("id"), "4");
    // And a second time, with the counters going on.
    again->disconnect();
    wait_until_asleep(world);
    auto third = authenticated(world, "bob");
    EXPECT_EQ(resume(*third, id, 4).attribute("h"), "1");
    chat(*alice, "bob@localhost", "5");
    EXPECT_EQ(next_stanza(*third).attribute("id"), "5");
}

TEST(Xep0198S5Resumption, TakesTheSessionFromAStreamThatSeemsToLive) {
    World world{with_keeper()};
    auto alice = world.log_in("alice", "desk");
    auto bob = world.log_in("bob", "phone");
    bob->send("<presence/>");
    bob->drain("localhost");
    const auto id = std::string{enable(*bob).attribute("id")};
    chat(*alice, "bob@localhost", "1");
    alice->drain("localhost");
    auto again = authenticated(world, "bob");
    EXPECT_TRUE(resume(*again, id, 0).is("resumed", kSm));
    EXPECT_EQ(next_stanza(*again).attribute("id"), "1");
    EXPECT_EQ(next_stanza(*bob).attribute("id"), "1");
    EXPECT_TRUE(next_stanza(*bob).child("conflict"));
    EXPECT_EQ(world.host->sessions().size(), 2u);
}

TEST(Xep0198S5Resumption, IsForTheUserItBelongsToAlone) {
    World world{with_keeper()};
    auto bob = world.log_in("bob", "phone");
    const auto id = std::string{enable(*bob).attribute("id")};
    bob->disconnect();
    wait_until_asleep(world);
    auto alice = authenticated(world, "alice");
    const auto failed = resume(*alice, id, 0);
    EXPECT_TRUE(failed.is("failed", kSm));
    EXPECT_TRUE(failed.child("item-not-found"));
    EXPECT_FALSE(failed.has_attribute("h"));
    // §5: after a failure the client may bind.
    alice->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT_EQ(alice->expect_element().attribute("type"), "result");
    auto owner = authenticated(world, "bob");
    EXPECT_TRUE(resume(*owner, "nonsense", 0).child("item-not-found"));
    owner->send("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='-1'/>");
    EXPECT_TRUE(owner->expect_element().child("bad-request"));
    EXPECT_TRUE(resume(*owner, id, 0).is("resumed", kSm));
}

TEST(Xep0198S5Resumption, AClientThatClaimsTooMuchIsShownTheDoorAndTheSessionStays) {
    World world{with_keeper()};
    auto bob = world.log_in("bob", "phone");
    const auto id = std::string{enable(*bob).attribute("id")};
    bob->disconnect();
    wait_until_asleep(world);
    auto liar = authenticated(world, "bob");
    EXPECT_TRUE(resume(*liar, id, 7).child("handled-count-too-high", kSm));
    auto again = authenticated(world, "bob");
    EXPECT_TRUE(resume(*again, id, 0).is("resumed", kSm));
}

TEST(Xep0198S4TimeOut, MessagesGoTheWayOfOnesForNobody) {
    auto options = with_keeper();
    options.streams.resume_timeout = std::chrono::seconds{1};
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    auto bob = world.log_in("bob", "phone");
    bob->send("<presence/>");
    bob->drain("localhost");
    const auto id = std::string{enable(*bob).attribute("id")};
    chat(*bob, "alice@localhost/desk", "b1");
    EXPECT_EQ(next_stanza(*alice).attribute("id"), "b1");
    bob->disconnect();
    wait_until_asleep(world);
    chat(*alice, "bob@localhost", "1");
    chat(*alice, "bob@localhost/phone", "2");
    alice->drain("localhost");
    for (int i = 0; i < 500 && world.host->sessions().size() > 1; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    EXPECT_EQ(world.host->sessions().size(), 1u);
    auto late = authenticated(world, "bob");
    const auto failed = resume(*late, id, 0);
    EXPECT_TRUE(failed.child("item-not-found"));
    EXPECT_EQ(failed.attribute("h"), "1");
    late->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT_EQ(late->expect_element().attribute("type"), "result");
    late->send("<presence/>");
    const auto first = next_stanza(*late);
    EXPECT_EQ(first.attribute("id"), "1");
    EXPECT_TRUE(first.child("delay", "urn:xmpp:delay"));
    EXPECT_EQ(next_stanza(*late).attribute("id"), "2");
}

/// What was accepted is delivered, stored or bounced; a bounce that the sender never saw is none.
TEST(Xep0198S5Restart, ABounceThatTheSenderDidNotSeeIsKeptForIt) {
    const Folder folder;
    for (const bool before : {true, false}) {
        auto options = with_keeper();
        options.journal = folder.path;
        options.streams.resume_timeout = std::chrono::seconds{1};
        World world{std::move(options)};
        if (before) {
            auto bob = world.log_in("bob", "phone");
            bob->send("<presence/>");
            bob->drain("localhost");
            enable(*bob);
            chat(*bob, "nobody-there@localhost", "lost");
            EXPECT_EQ(next_stanza(*bob).attribute("type"), "error");
            bob->disconnect();
            wait_until_asleep(world);
        } else {
            auto bob = world.log_in("bob", "desk");
            bob->send("<presence/>");
            const auto error = next_stanza(*bob);
            EXPECT_EQ(error.attribute("id"), "lost");
            EXPECT_EQ(error.attribute("type"), "error");
        }
    }
}

TEST(Xep0198S7Closure, AFarewellEndsTheSession) {
    World world{with_keeper()};
    auto bob = world.log_in("bob", "phone");
    const auto id = std::string{enable(*bob).attribute("id")};
    bob->send("</stream:stream>");
    EXPECT_TRUE(std::holds_alternative<xml::StreamClose>(bob->next_event()));
    auto again = authenticated(world, "bob");
    EXPECT_EQ(resume(*again, id, 0).attribute("h"), "0");
    EXPECT_EQ(world.host->sessions().size(), 0u);
}

/// RFC 6121 §8.5.2: what another session of the account has is not delivered once more when one of them dies.
TEST(Xep0198S4TimeOut, WhatAnotherDeviceHasIsNotDeliveredAgain) {
    const Folder folder;
    auto options = with_keeper();
    options.streams.resume_timeout = std::chrono::seconds{1};
    options.journal = folder.path;
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    auto phone = world.log_in("bob", "phone");
    auto desk = world.log_in("bob", "desk");
    phone->send("<presence/>");
    desk->send("<presence/>");
    phone->drain("localhost");
    desk->drain("localhost");
    enable(*phone);
    chat(*alice, "bob@localhost", "1");
    EXPECT_EQ(next_stanza(*desk).attribute("id"), "1");
    phone->disconnect();
    wait_until_asleep(world);
    for (int i = 0; i < 500 && world.host->sessions().size() > 2; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    for (const auto& element : desk->drain("localhost")) EXPECT_NE(element.name(), "message");
}

/// XEP-0280: nor what another device has a copy of.
TEST(Xep0198S4TimeOut, WhatAnotherDeviceHasACopyOfIsNotDeliveredAgain) {
    const Folder folder;
    auto options = with_keeper();
    for (auto& module : modules::builtin()) {
        if (module.info.name == "carbons") options.modules.push_back(std::move(module));
    }
    options.streams.resume_timeout = std::chrono::seconds{1};
    options.journal = folder.path;
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    auto phone = world.log_in("bob", "phone");
    auto desk = world.log_in("bob", "desk");
    phone->send("<presence/>");
    phone->drain("localhost");
    desk->send("<presence/><iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    desk->drain("localhost");
    enable(*phone);
    chat(*alice, "bob@localhost/phone", "1");
    EXPECT_TRUE(next_stanza(*desk).child("received", "urn:xmpp:carbons:2"));
    phone->disconnect();
    wait_until_asleep(world);
    for (int i = 0; i < 500 && world.host->sessions().size() > 2; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    EXPECT_EQ(world.host->sessions().size(), 2u);
    for (const auto& element : desk->drain("localhost")) EXPECT_NE(element.name(), "message");
}

/// §5 over a restart: the session is gone, but the client learns what was handled, and says what it has.
TEST(Xep0198S5Restart, TellsWhatWasHandledAndDeliversWhatWasNotSeen) {
    const Folder folder;
    std::string id;
    for (const bool before : {true, false}) {
        auto options = with_keeper();
        options.journal = folder.path;
        World world{std::move(options)};
        if (before) {
            auto alice = world.log_in("alice", "desk");
            auto bob = world.log_in("bob", "phone");
            bob->send("<presence/>");
            bob->drain("localhost");
            id = enable(*bob).attribute("id");
            chat(*bob, "alice@localhost/desk", "b1");
            EXPECT_EQ(next_stanza(*alice).attribute("id"), "b1");
            chat(*alice, "bob@localhost", "1");
            chat(*alice, "bob@localhost/phone", "2");
            chat(*alice, "bob@localhost", "3");
            for (const auto* expected : {"1", "2", "3"}) EXPECT_EQ(next_stanza(*bob).attribute("id"), expected);
            bob->disconnect();
            wait_until_asleep(world);
        } else {
            auto bob = authenticated(world, "bob");
            const auto failed = resume(*bob, id, 2);
            EXPECT_TRUE(failed.child("item-not-found"));
            EXPECT_EQ(failed.attribute("h"), "1");
            bob->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
            EXPECT_EQ(bob->expect_element().attribute("type"), "result");
            bob->send("<presence/>");
            const auto third = next_stanza(*bob);
            EXPECT_EQ(third.attribute("id"), "3");
            EXPECT_TRUE(third.is("message", "jabber:client"));
            EXPECT_EQ(third.child_text("body", "jabber:client"), "3");
            EXPECT_TRUE(third.child("delay", "urn:xmpp:delay"));
            for (const auto& element : bob->drain("localhost")) EXPECT_NE(element.name(), "message");
            EXPECT_EQ(world.host->counters().at("journal.live"), 0u);
        }
    }
}

}  // namespace
}  // namespace carillon::scenarios
