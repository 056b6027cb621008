/// Spec: XEP-0045 §7.2 (entering), §7.6 (nicks), §7.14 (leaving), §10.1 (making); XEP-0410, XEP-0421.
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/muc_world.h"

namespace carillon::scenarios {
namespace {

TEST(Xep0045S10p1Create, TheRoomIsLockedUntilItsOwnerConfiguresIt) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    const auto& self = alice.entry.at(0);
    EXPECT_TRUE(has_status(self, "110"));
    EXPECT_TRUE(has_status(self, "201"));
    EXPECT_EQ(item(self, "affiliation"), "owner");
    EXPECT_EQ(item(self, "role"), "moderator");
    EXPECT_EQ(item(self, "jid"), "alice@localhost/desk");
    Occupant bob{*world, "bob", "phone", "Bob"};
    EXPECT_EQ(condition(bob.entry.at(0)), "item-not-found");
    EXPECT_EQ(alice.configure(), "result");
    bob.enter();
    EXPECT_EQ(bob.entry.at(0).attribute("from"), alice.room + "/Alice");
    EXPECT_EQ(bob.entry.at(1).attribute("from"), alice.room + "/Bob");
    EXPECT_TRUE(has_status(bob.entry.at(1), "110"));
    EXPECT_FALSE(has_status(bob.entry.at(1), "201"));
    EXPECT_EQ(item(bob.entry.at(0), "jid"), "") << "semi-anonymous";
    EXPECT_EQ(item(alice.sees("Bob"), "jid"), "bob@localhost/phone") << "but not to moderators";
}

TEST(Xep0045S10p1p3Reserved, CancellingTheFormEndsTheRoom) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    const auto form = alice.ask("get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>");
    EXPECT_TRUE(form.child("query")->child("x", "jabber:x:data"));
    alice.client->send("<iq type='set' id='c' to='" + alice.room +
                       "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                       "type='cancel'/></query></iq>");
    EXPECT_EQ(alice.sees("Alice").attribute("type"), "unavailable");
    Occupant bob{*world, "bob", "phone", "Bob"};
    EXPECT_TRUE(has_status(bob.entry.at(0), "201")) << "the name is free again";
}

TEST(Xep0045S7p2Enter, RefusesWhomTheRoomDoesNotWant) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure({{"membersonly", "1"}});
    Occupant bob{*world, "bob", "phone", "Bob"};
    EXPECT_EQ(condition(bob.entry.at(0)), "registration-required");
    alice.admin("<item affiliation='member' jid='bob@localhost'/>");
    bob.enter();
    EXPECT_EQ(item(bob.entry.at(1), "affiliation"), "member");
    alice.configure({{"membersonly", "0"}, {"passwordprotectedroom", "1"}, {"roomsecret", "sesame"}});
    Occupant carol{*world, "carol", "phone", "Carol"};
    EXPECT_EQ(condition(carol.entry.at(0)), "not-authorized");
    carol.enter("<password>open</password>");
    EXPECT_EQ(condition(carol.entry.at(0)), "not-authorized");
    carol.enter("<password>sesame</password>");
    EXPECT_TRUE(has_status(carol.entry.at(2), "110"));
    alice.configure({{"passwordprotectedroom", "0"}, {"maxusers", "3"}});
    Occupant dave{*world, "dave", "phone", "Dave"};
    EXPECT_EQ(condition(dave.entry.at(0)), "service-unavailable");
    alice.admin("<item affiliation='outcast' jid='dave@localhost'/>");
    dave.enter();
    EXPECT_EQ(condition(dave.entry.at(0)), "forbidden");
}

TEST(Xep0045S7p2p8Conflict, ANickHasOneUserAndAsManyDevicesAsHeLikes) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    Occupant bob{*world, "bob", "phone", "Alice"};
    EXPECT_EQ(condition(bob.entry.at(0)), "conflict");
    Occupant lookalike{*world, "bob", "tablet", "аlice "};  // Cyrillic, and a blank behind it
    EXPECT_EQ(condition(lookalike.entry.at(0)), "conflict");
    Occupant tablet{*world, "alice", "tablet", "Alice"};
    EXPECT_TRUE(has_status(tablet.entry.at(0), "110"));
    Occupant carol{*world, "carol", "phone", "Carol"};
    EXPECT_EQ(carol.entry.size(), 3u) << "one occupant, and herself, and the subject";
    carol.says("hello");
    alice.hears("hello");
    tablet.hears("hello");
    tablet.client->send("<presence type='unavailable' to='" + alice.room + "/Alice'/>");
    EXPECT_TRUE(has_status(tablet.sees("Alice"), "110"));
    EXPECT_EQ(carol.sees("Alice").attribute("type"), "") << "still here with the other device";
    carol.says("again");
    alice.hears("again");
}

TEST(Xep0045S7p2Nicks, MustBeNicks) {
    auto world = make_muc_world();
    auto client = world->log_in("alice", "desk");
    const auto enter = [&](const std::string& to) {
        client->send("<presence to='" + to + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
        return condition(client->expect_element());
    };
    EXPECT_EQ(enter("room@conference.localhost"), "item-not-found") << "nothing is made without a nick";
    EXPECT_EQ(enter("room@conference.localhost/   "), "not-acceptable");
    EXPECT_EQ(enter("room@conference.localhost/" + std::string(500, 'x')), "not-acceptable");
    EXPECT_EQ(enter("room@conference.localhost/" + std::string(1500, 'x')), "jid-malformed");
    EXPECT_EQ(enter("room@conference.localhost/\u202eevil"), "jid-malformed");
    EXPECT_EQ(enter("room@conference.localhost/\u2800"), "not-acceptable") << "a blank of another kind";
    EXPECT_EQ(world->storage.rooms().size(), 0u) << "and no room stays behind";
}

TEST(Xep0045S7p6Nick, ChangesForAll) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    Occupant bob{*world, "bob", "phone", "Bob"};
    alice.sees("Bob");
    bob.client->send("<presence to='" + bob.room + "/Alice'/>");
    EXPECT_EQ(condition(bob.sees("Alice")), "conflict");
    bob.client->send("<presence to='" + bob.room + "/Robert'/>");
    const auto gone = alice.sees("Bob");
    EXPECT_EQ(gone.attribute("type"), "unavailable");
    EXPECT_TRUE(has_status(gone, "303"));
    EXPECT_EQ(item(gone, "nick"), "Robert");
    EXPECT_EQ(alice.sees("Robert").attribute("type"), "");
    const auto self = bob.sees("Bob");
    EXPECT_TRUE(has_status(self, "303") && has_status(self, "110"));
    EXPECT_TRUE(has_status(bob.sees("Robert"), "110"));
}

TEST(Xep0045S7p14Leave, WithAWordOrWithout) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    auto bob = std::make_unique<Occupant>(*world, "bob", "phone", "Bob");
    bob->client->send("<presence type='unavailable' to='" + alice.room + "/Bob'><status>bye</status></presence>");
    alice.sees("Bob");
    const auto gone = alice.sees("Bob");
    EXPECT_EQ(gone.attribute("type"), "unavailable");
    EXPECT_EQ(gone.child_text("status"), "bye");
    EXPECT_EQ(item(gone, "role"), "none");
    bob->enter();
    alice.sees("Bob");
    bob->client->disconnect();
    EXPECT_EQ(alice.sees("Bob").attribute("type"), "unavailable") << "the server speaks for whom it has lost";
}

TEST(Xep0045S7p2Presence, UnknownChildrenAreShownAndKeptForThoseWhoComeLater) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure({{"whois", "anyone"}});
    alice.client->send("<presence to='" + alice.room +
                       "/Alice'><muji xmlns='urn:xmpp:jingle:muji:0'><preparing/></muji>"
                       "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>"
                       "<x xmlns='http://jabber.org/protocol/muc#user'><status code='301'/></x></presence>");
    Occupant bob{*world, "bob", "phone", "Bob"};
    const auto& shown = bob.entry.at(0);
    EXPECT_TRUE(shown.child("muji", "urn:xmpp:jingle:muji:0")->child("preparing"));
    EXPECT_EQ(item(shown, "jid"), "alice@localhost/desk") << "whois anyone";
    EXPECT_FALSE(has_status(shown, "301"));
    EXPECT_NE(shown.child("occupant-id")->attribute("id"), "forged");
    EXPECT_TRUE(has_status(bob.entry.at(1), "100"));
}

TEST(Xep0410S3SelfPing, TellsWhetherOneIsStillHere) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    const std::string ping = "<ping xmlns='urn:xmpp:ping'/>";
    EXPECT_EQ(alice.ask("get", ping, alice.room + "/Alice").attribute("type"), "result");
    EXPECT_EQ(condition(alice.ask("get", ping, alice.room + "/Nobody")), "item-not-found");
    auto outside = world->log_in("bob", "phone");
    outside->send("<iq type='get' id='p' to='" + alice.room + "/Alice'>" + ping + "</iq>");
    EXPECT_EQ(condition(outside->expect_element()), "not-acceptable");
    outside->send("<presence to='" + alice.room + "/Bob'/>");
    const auto lost = outside->expect_element();
    EXPECT_EQ(lost.attribute("type"), "unavailable") << "no part of the room, and told so";
    EXPECT_TRUE(has_status(lost, "110") && has_status(lost, "333"));
}

TEST(Xep0421S3OccupantId, IsTheSameForOneUserAndNobodysElse) {
    auto world = make_muc_world();
    Occupant alice{*world, "alice", "desk", "Alice"};
    alice.configure();
    Occupant bob{*world, "bob", "phone", "Bob"};
    const auto first = std::string{alice.sees("Bob").child("occupant-id")->attribute("id")};
    EXPECT_NE(first, bob.entry.at(0).child("occupant-id")->attribute("id"));
    bob.client->send("<presence to='" + bob.room + "/Robert'/>");
    EXPECT_EQ(alice.sees("Robert").child("occupant-id")->attribute("id"), first);
    bob.says("hello");
    EXPECT_EQ(alice.hears("hello").child("occupant-id")->attribute("id"), first);
}

}  // namespace
}  // namespace carillon::scenarios
