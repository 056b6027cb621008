/// Spec: XEP-0045 §6 (discovery), §7.10 (registration), §8, §9, §10 (moderators, admins, owners); rooms over a restart.
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/muc_world.h"

namespace carillon::scenarios {
namespace {

struct Three {
    Three() : world{make_muc_world()}, alice{*world, "alice", "desk", "Alice"} {
        alice.configure();
        bob = std::make_unique<Occupant>(*world, "bob", "phone", "Bob");
        carol = std::make_unique<Occupant>(*world, "carol", "phone", "Carol");
    }
    std::unique_ptr<World> world;
    Occupant alice;
    std::unique_ptr<Occupant> bob;
    std::unique_ptr<Occupant> carol;
};

TEST(Xep0045S8p2Kick, IsToldToAllWithItsReason) {
    Three t;
    EXPECT_EQ(condition(t.bob->admin("<item nick='Carol' role='none'/>")), "forbidden");
    EXPECT_EQ(t.alice.admin("<item nick='Bob' role='none'><reason>rude</reason></item>").attribute("type"), "result");
    const auto seen = t.carol->sees("Bob");
    EXPECT_EQ(seen.attribute("type"), "unavailable");
    EXPECT_TRUE(has_status(seen, "307"));
    EXPECT_EQ(muc_x(seen)->child("item")->child_text("reason"), "rude");
    EXPECT_EQ(muc_x(seen)->child("item")->child("actor")->attribute("nick"), "Alice");
    t.bob->sees("Bob");
    EXPECT_EQ(condition(t.alice.admin("<item nick='Bob' role='none'/>")), "item-not-found");
}

TEST(Xep0045S9p1Ban, KeepsThemOut) {
    Three t;
    EXPECT_EQ(condition(t.alice.admin("<item jid='alice@localhost' affiliation='outcast'/>")), "conflict");
    t.alice.admin("<item jid='bob@localhost' affiliation='outcast'/>");
    const auto gone = t.carol->sees("Bob");
    EXPECT_TRUE(has_status(gone, "301"));
    EXPECT_EQ(item(gone, "affiliation"), "outcast");
    const auto list =
        t.alice.ask("get", "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>");
    EXPECT_EQ(list.child("query")->child("item")->attribute("jid"), "bob@localhost");
    EXPECT_EQ(condition(t.carol->ask(
                  "get", "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>")),
              "forbidden");
}

TEST(Xep0045S10p5Owners, TheLastOneStays) {
    Three t;
    EXPECT_EQ(condition(t.alice.admin("<item jid='alice@localhost' affiliation='admin'/>")), "conflict");
    t.alice.admin("<item jid='bob@localhost' affiliation='owner'/>");
    EXPECT_EQ(item(t.carol->sees("Bob"), "affiliation"), "owner");
    EXPECT_EQ(t.alice.admin("<item jid='alice@localhost' affiliation='admin'/>").attribute("type"), "result");
    EXPECT_EQ(condition(t.alice.admin("<item jid='bob@localhost' affiliation='none'/>")), "not-allowed");
    EXPECT_EQ(condition(t.alice.admin("<item jid='carol@localhost' affiliation='owner'/>")), "not-allowed");
    EXPECT_EQ(condition(t.alice.ask("get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>")), "forbidden");
}

TEST(Xep0045S9p3Members, AreMadeWhileTheyAreAwayAndUnmade) {
    Three t;
    t.alice.configure({{"whois", "anyone"}, {"membersonly", "0"}});
    t.alice.admin("<item jid='dave@localhost' affiliation='member'/>");
    const auto told = t.bob->until([](const auto& e) { return item(e, "jid") == "dave@localhost"; });
    EXPECT_EQ(item(told, "affiliation"), "member");
    t.alice.configure({{"membersonly", "1"}});
    EXPECT_TRUE(has_status(t.bob->sees("Bob"), "322")) << "no member, and so out";
    EXPECT_EQ(condition(t.bob->ask("get",
                                   "<query xmlns='http://jabber.org/protocol/muc#admin'><item "
                                   "affiliation='member'/></query>")),
              "forbidden");
    Occupant dave{*t.world, "dave", "phone", "Dave"};
    EXPECT_TRUE(has_status(dave.entry.at(1), "110"));
    t.alice.admin("<item jid='dave@localhost' affiliation='none'/>");
    EXPECT_TRUE(has_status(dave.until([](const auto& e) { return has_status(e, "321"); }), "321"));
}

TEST(Xep0045S10p9Destroy, TellsWhereToGo) {
    Three t;
    EXPECT_EQ(condition(t.bob->ask("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>")),
              "forbidden");
    t.alice.client->send(
        "<iq type='set' id='d' to='room@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<destroy jid='hall@conference.localhost'><reason>moved</reason></destroy></query></iq>");
    const auto gone = t.bob->until([](const auto& e) { return muc_x(e) && muc_x(e)->child("destroy"); });
    EXPECT_EQ(gone.attribute("type"), "unavailable");
    EXPECT_EQ(muc_x(gone)->child("destroy")->attribute("jid"), "hall@conference.localhost");
    EXPECT_EQ(muc_x(gone)->child("destroy")->child_text("reason"), "moved");
    EXPECT_EQ(condition(t.carol->ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")),
              "item-not-found");
}

TEST(Xep0045S7p10Registration, KeepsANickForItsOwner) {
    Three t;
    const std::string form =
        "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
        "http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>King</value>"
        "</field></x></query>";
    EXPECT_EQ(t.bob->ask("set", form).attribute("type"), "result");
    EXPECT_EQ(condition(t.carol->ask("set", form)), "conflict");
    t.carol->client->send("<presence to='room@conference.localhost/king'/>");
    EXPECT_EQ(condition(t.carol->until([](const auto& e) { return e.attribute("type") == "error"; })), "conflict");
    const auto reserved =
        t.bob->ask("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>");
    EXPECT_EQ(reserved.child("query")->child("identity")->attribute("name"), "King");
}

TEST(Xep0045S6Discovery, TellsWhatThereIs) {
    Three t;
    t.alice.configure({{"roomname", "Hall"}, {"whois", "anyone"}, {"persistentroom", "1"}});
    const std::string info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    const auto answer = t.bob->ask("get", info);
    std::set<std::string> features;
    for (const auto* child : answer.child("query")->children()) features.emplace(child->attribute("var"));
    for (const auto* feature : {"http://jabber.org/protocol/muc", "muc_persistent", "muc_public", "muc_nonanonymous",
                                "muc_open", "muc_unmoderated", "muc_unsecured", "urn:xmpp:mam:2",
                                "urn:xmpp:occupant-id:0", "urn:xmpp:message-moderate:1", "urn:xmpp:sid:0"})
        EXPECT_TRUE(features.contains(feature)) << feature;
    EXPECT_EQ(answer.child("query")->child("identity")->attribute("name"), "Hall");
    EXPECT_TRUE(answer.child("query")->child("x", "jabber:x:data"));
    const std::string items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    const auto rooms = t.bob->ask("get", items, "conference.localhost");
    EXPECT_EQ(rooms.child("query")->child("item")->attribute("name"), "Hall");
    const auto services = t.bob->ask("get", items, "localhost");
    EXPECT_EQ(services.child("query")->child("item")->attribute("jid"), "conference.localhost");
    EXPECT_EQ(t.bob->ask("get", info, "conference.localhost").child("query")->child("identity")->attribute("category"),
              "conference");
    t.alice.configure({{"publicroom", "0"}});
    EXPECT_FALSE(t.bob->ask("get", items, "conference.localhost").child("query")->child("item"));
}

TEST(Xep0045S10Persistent, RoomsComeBackWithAllThatTheyHad) {
    Three t;
    t.alice.configure({{"roomname", "Hall"}, {"persistentroom", "1"}, {"moderatedroom", "1"}});
    t.alice.admin("<item jid='bob@localhost' affiliation='member'/>");
    t.alice.client->send("<message type='groupchat' to='room@conference.localhost'><subject>Tea</subject></message>");
    t.alice.says("hello");
    t.bob->hears("hello");
    const auto id = std::string{t.alice.hears("hello").child("occupant-id")->attribute("id")};
    ASSERT_TRUE(t.world->host->repository().reload("localhost", "muc"));
    EXPECT_TRUE(has_status(t.bob->until([](const auto& e) { return has_status(e, "332"); }), "110"));
    Occupant dave{*t.world, "dave", "phone", "Dave"};
    EXPECT_EQ(item(dave.entry.at(0), "role"), "visitor");
    EXPECT_EQ(dave.entry.back().child_text("subject"), "Tea");
    const auto& past = dave.entry.at(dave.entry.size() - 2);
    EXPECT_EQ(past.child_text("body"), "hello");
    EXPECT_EQ(past.child("occupant-id")->attribute("id"), id);
    t.bob->enter();
    EXPECT_EQ(item(t.bob->entry.at(1), "affiliation"), "member");
}

TEST(Xep0045Floods, AreBounded) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    Occupant bob{*world, "bob", "phone", "Bob"};
    alice.sees("Bob");
    std::string flood;
    for (int i = 0; i < 300; ++i)
        flood += "<presence to='" + bob.room + "/Bob'><status>" + std::to_string(i) + "</status></presence>";
    bob.client->send(flood);
    std::size_t shown = 0;
    for (std::string last; last != "299"; ++shown) last = alice.sees("Bob").child_text("status");
    EXPECT_LT(shown, 50u) << "the last one is shown, and few before it";
    std::string talk;
    for (int i = 0; i < 300; ++i)
        talk += "<message type='groupchat' to='" + bob.room + "'><body>" + std::to_string(i) + "</body></message>";
    bob.client->send(talk);
    EXPECT_EQ(condition(bob.until([](const auto& e) { return e.attribute("type") == "error"; })),
              "resource-constraint");
    alice.client->send("<message type='groupchat' to='" + bob.room + "'><body>" + std::string(100'000, 'x') +
                       "</body></message>");
    EXPECT_EQ(condition(alice.until([](const auto& e) { return e.attribute("type") == "error"; })), "not-acceptable");
}

}  // namespace
}  // namespace carillon::scenarios
