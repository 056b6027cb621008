/// Spec: XEP-0045 §7.4, §7.5, §7.8, §7.13, §8.1 (messages, private ones, invitations, voice, subject), §17.4 (IQs);
/// XEP-0359, XEP-0313 on rooms, XEP-0425.
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/muc_world.h"

namespace carillon::scenarios {
namespace {

struct Two {
    Two() : world{make_muc_world()}, alice{*world, "alice", "desk", "Alice"} {
        alice.configure();
        bob = std::make_unique<Occupant>(*world, "bob", "phone", "Bob");
    }
    std::unique_ptr<World> world;
    Occupant alice;
    std::unique_ptr<Occupant> bob;
};

std::string stanza_id(const xml::Element& message, const std::string& by) {
    std::string found;
    for (const auto* child : message.children()) {
        if (child->is("stanza-id", "urn:xmpp:sid:0") && child->attribute("by") == by) found += child->attribute("id");
    }
    return found;
}

TEST(Xep0045S7p4Messages, ReachAllWithTheRoomsIdAndNoForgedOnes) {
    Two t;
    t.bob->client->send(
        "<message type='groupchat' id='1' to='room@conference.localhost'><body>hello</body>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='ROOM@conference.localhost' id='forged'/>"
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x>"
        "<delay xmlns='urn:xmpp:delay' from='room@conference.localhost' stamp='2000-01-01T00:00:00Z'/>"
        "<unknown xmlns='urn:example'/></message>");
    const auto got = t.alice.hears("hello");
    EXPECT_EQ(got.attribute("from"), "room@conference.localhost/Bob");
    EXPECT_EQ(got.attribute("id"), "1");
    EXPECT_FALSE(stanza_id(got, t.alice.room).empty());
    EXPECT_FALSE(stanza_id(got, t.alice.room).contains("forged"));
    EXPECT_FALSE(muc_x(got));
    EXPECT_FALSE(got.child("delay"));
    EXPECT_TRUE(got.child("unknown", "urn:example"));
    EXPECT_EQ(stanza_id(t.bob->hears("hello"), t.alice.room), stanza_id(got, t.alice.room));
    auto stranger = t.world->log_in("carol", "phone");
    stranger->send("<message type='groupchat' to='room@conference.localhost'><body>let me in</body></message>");
    EXPECT_EQ(condition(stranger->expect_element()), "not-acceptable");
}

TEST(Xep0045S7p5Private, GoToOneAlone) {
    Two t;
    t.bob->client->send("<message type='chat' id='p' to='room@conference.localhost/Alice'><body>psst</body></message>");
    const auto got = t.alice.hears("psst");
    EXPECT_EQ(got.attribute("from"), "room@conference.localhost/Bob");
    EXPECT_EQ(got.attribute("type"), "chat");
    EXPECT_TRUE(muc_x(got));
    t.bob->client->send("<message type='groupchat' to='room@conference.localhost/Alice'><body>psst</body></message>");
    EXPECT_EQ(condition(t.bob->until([](const auto& e) { return e.name() == "message"; })), "bad-request");
    t.alice.configure({{"allowpm", "moderators"}});
    t.bob->client->send("<message type='chat' to='room@conference.localhost/Alice'><body>psst</body></message>");
    EXPECT_EQ(condition(t.bob->until([](const auto& e) { return e.attribute("type") == "error"; })), "forbidden");
    t.alice.client->send("<message type='chat' to='room@conference.localhost/Nobody'><body>psst</body></message>");
    EXPECT_EQ(condition(t.alice.until([](const auto& e) { return e.attribute("type") == "error"; })), "item-not-found");
}

TEST(Xep0045S8p1Subject, IsChangedByThoseWhoMayAndToldToThoseWhoCome) {
    Two t;
    const std::string change =
        "<message type='groupchat' to='room@conference.localhost'><subject>Tea</subject></message>";
    t.bob->client->send(change);
    EXPECT_EQ(condition(t.bob->until([](const auto& e) { return e.name() == "message"; })), "forbidden");
    t.alice.configure({{"changesubject", "1"}});
    t.bob->client->send(change);
    EXPECT_EQ(t.alice.until([](const auto& e) { return e.child("subject"); }).child_text("subject"), "Tea");
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    EXPECT_EQ(carol.entry.back().child_text("subject"), "Tea");
    EXPECT_EQ(carol.entry.back().attribute("from"), "room@conference.localhost/Bob");
}

TEST(Xep0045S7p2p13History, IsGivenAsAskedFor) {
    Two t;
    for (int i = 1; i <= 5; ++i) t.bob->says(std::to_string(i));
    t.alice.hears("5");
    const auto heard = [&](const std::string& x) {
        Occupant carol{*t.world, "carol", "phone", "Carol", x};
        std::string bodies;
        for (const auto& each : carol.entry) {
            bodies += each.child_text("body");
            if (!each.child("body")) continue;
            EXPECT_EQ(each.child("delay")->attribute("from"), "room@conference.localhost");
        }
        return bodies;
    };
    EXPECT_EQ(heard(""), "12345");
    EXPECT_EQ(heard("<history maxstanzas='2'/>"), "45");
    EXPECT_EQ(heard("<history maxchars='0'/>"), "");
    EXPECT_EQ(heard("<history seconds='3600'/>"), "12345");
    EXPECT_EQ(heard("<history since='2099-01-01T00:00:00Z'/>"), "");
}

TEST(Xep0045S8p6Voice, IsAskedForAndGranted) {
    Two t;
    t.alice.configure({{"moderatedroom", "1"}});
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    EXPECT_EQ(item(carol.entry.at(2), "role"), "visitor");
    carol.says("let me speak");
    EXPECT_EQ(condition(carol.until([](const auto& e) { return e.attribute("type") == "error"; })), "forbidden");
    carol.client->send(
        "<message to='room@conference.localhost'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
        "<value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value>"
        "</field></x></message>");
    auto form = t.alice.until([](const auto& e) { return e.child("x", "jabber:x:data"); });
    EXPECT_EQ(form.attribute("from"), "room@conference.localhost");
    t.alice.client->send(
        "<message to='room@conference.localhost'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
        "<value>http://jabber.org/protocol/muc#request</value></field><field var='muc#roomnick'><value>Carol</value>"
        "</field><field var='muc#request_allow'><value>true</value></field></x></message>");
    EXPECT_EQ(item(carol.sees("Carol"), "role"), "participant");
    carol.says("thanks");
    t.alice.hears("thanks");
}

TEST(Xep0045S7p8Invitations, GoThroughTheRoomAndMakeMembers) {
    Two t;
    t.alice.configure({{"membersonly", "1"}});
    auto carol = t.world->log_in("carol", "phone");
    carol->send("<presence/>");
    carol->expect_element();
    const std::string invite =
        "<message to='room@conference.localhost'><x xmlns='http://jabber.org/protocol/muc#user'><invite "
        "to='carol@localhost'><reason>tea</reason></invite></x></message>";
    t.alice.client->send(invite);
    const auto got = carol->expect_element();
    EXPECT_EQ(got.attribute("from"), "room@conference.localhost");
    EXPECT_EQ(muc_x(got)->child("invite")->attribute("from"), "alice@localhost/desk");
    EXPECT_EQ(got.child("x", "jabber:x:conference")->attribute("jid"), "room@conference.localhost");
    carol->send(
        "<message to='room@conference.localhost'><x xmlns='http://jabber.org/protocol/muc#user'><decline "
        "to='alice@localhost/desk'><reason>no</reason></decline></x></message>");
    EXPECT_EQ(muc_x(t.alice.until([](const auto& e) { return muc_x(e) && muc_x(e)->child("decline"); }))
                  ->child("decline")
                  ->attribute("from"),
              "carol@localhost");
    carol->send(
        "<presence to='room@conference.localhost/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    EXPECT_EQ(carol->expect_element().attribute("type"), "") << "she is a member now";
}

TEST(Xep0045S17p4Iqs, PassFromOccupantToOccupant) {
    Two t;
    t.bob->client->send(
        "<iq type='get' id='v1' to='room@conference.localhost/Alice'><query xmlns='jabber:iq:version'/></iq>");
    const auto asked = t.alice.until([](const auto& e) { return e.name() == "iq"; });
    EXPECT_EQ(asked.attribute("from"), "room@conference.localhost/Bob");
    EXPECT_EQ(asked.attribute("to"), "alice@localhost/desk");
    t.alice.client->send("<iq type='result' id='" + std::string{asked.attribute("id")} +
                         "' to='room@conference.localhost/Bob'><query xmlns='jabber:iq:version'/></iq>");
    const auto answer = t.bob->until([](const auto& e) { return e.name() == "iq"; });
    EXPECT_EQ(answer.attribute("id"), "v1");
    EXPECT_EQ(answer.attribute("from"), "room@conference.localhost/Alice");
    EXPECT_EQ(answer.attribute("to"), "bob@localhost/phone");
}

TEST(Xep0313S5p1p2Rooms, HaveAnArchiveOfTheirOwnAndModeratorsTakeThingsBack) {
    Two t;
    t.bob->says("one");
    t.bob->says("two");
    const auto id = stanza_id(t.alice.hears("one"), t.alice.room);
    t.alice.hears("two");
    const auto archive = [&](Client& client) {
        client.send("<iq type='set' id='mam' to='room@conference.localhost'><query xmlns='urn:xmpp:mam:2'/></iq>");
        std::string bodies;
        for (;;) {
            const auto got = client.expect_element();
            if (got.name() == "iq" && got.attribute("type") == "error") return condition(got);
            if (got.name() == "iq") return bodies;
            const auto* result = got.child("result", "urn:xmpp:mam:2");
            if (!result) continue;
            const auto* message = result->child("forwarded")->child("message", "jabber:client");
            bodies += message->child("retracted") ? std::string{"X"} : message->child_text("body");
        }
    };
    EXPECT_EQ(archive(*t.bob->client), "onetwo");
    const auto moderate = "<moderate xmlns='urn:xmpp:message-moderate:1' id='" + id +
                          "'><retract xmlns='urn:xmpp:message-retract:1'/><reason>rude</reason></moderate>";
    EXPECT_EQ(condition(t.bob->ask("set", moderate)), "forbidden");
    t.alice.client->send("<iq type='set' id='mod' to='room@conference.localhost'>" + moderate + "</iq>");
    const auto told = t.bob->until([](const auto& e) { return e.child("retract", "urn:xmpp:message-retract:1"); });
    EXPECT_EQ(told.attribute("from"), "room@conference.localhost");
    EXPECT_EQ(told.child("retract")->attribute("id"), id);
    EXPECT_EQ(told.child("retract")->child("moderated")->attribute("by"), "room@conference.localhost/Alice");
    EXPECT_EQ(archive(*t.bob->client), "Xtwo");
    auto outside = t.world->log_in("carol", "phone");
    EXPECT_EQ(archive(*outside), "Xtwo") << "an open room is open";
    t.alice.configure({{"membersonly", "1"}});
    EXPECT_EQ(archive(*outside), "forbidden");
}

}  // namespace
}  // namespace carillon::scenarios
