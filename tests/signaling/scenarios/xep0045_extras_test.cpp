/// What came to rooms beside XEP-0045: avatars (XEP-0486), hats (XEP-0317), authors who take back what they said
/// (XEP-0424), lists in pages (XEP-0059), options by other servers' names.
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/muc_world.h"

namespace carillon::scenarios {
namespace {

constexpr std::string_view kHats = "urn:xmpp:hats:0";
constexpr std::string_view kRetract = "urn:xmpp:message-retract:1";

struct Two {
    Two() : world{make_muc_world()}, alice{*world, "alice", "desk", "Alice"} {
        alice.configure();
        bob = std::make_unique<Occupant>(*world, "bob", "phone", "Bob");
        alice.sees("Bob");
    }
    std::unique_ptr<World> world;
    Occupant alice;
    std::unique_ptr<Occupant> bob;
};

std::string field(const xml::Element& form, const std::string& var) {
    for (const auto* each : form.children()) {
        if (each->attribute("var") == var) return each->child_text("value");
    }
    return {};
}

const xml::Element& form_in(const xml::Element& answer) {
    static const xml::Element none;
    const auto* payload = answer.first_child();
    const auto* form = payload ? payload->child("x", "jabber:x:data") : nullptr;
    return form ? *form : none;
}

const std::string kDisco = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

// ---- XEP-0486

TEST(Xep0486S3Avatar, IsTheOwnersAndShownToAll) {
    Two t;
    const std::string card =
        "<vCard xmlns='vcard-temp'><FN>Tea "
        "room</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>";
    const std::string hash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";  // SHA-1 of "hello"
    EXPECT_EQ(condition(t.bob->ask("set", card)), "forbidden");
    EXPECT_EQ(t.alice.ask("set", card).attribute("type"), "result");
    EXPECT_TRUE(has_status(t.bob->until([](const auto& e) { return e.name() == "message"; }), "104"));
    const auto of_room = [&](const xml::Element& e) {
        return e.name() == "presence" && e.attribute("from") == t.alice.room;
    };
    const auto shown = t.bob->until(of_room);
    EXPECT_EQ(shown.child("x", "vcard-temp:x:update")->child_text("photo"), hash);
    EXPECT_EQ(field(form_in(t.bob->ask("get", kDisco)), "muc#roominfo_avatarhash"), hash);
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    EXPECT_TRUE(of_room(carol.entry.at(0)));
    EXPECT_EQ(carol.entry.at(0).child("x", "vcard-temp:x:update")->child_text("photo"), hash);
    const auto got = carol.ask("get", "<vCard xmlns='vcard-temp'/>");
    EXPECT_EQ(got.child("vCard")->child_text("FN"), "Tea room");
    t.alice.ask("set", "<vCard xmlns='vcard-temp'/>");
    EXPECT_EQ(t.bob->until(of_room).child("x", "vcard-temp:x:update")->child_text("photo"), "") << "taken away";
}

// ---- XEP-0317

xml::Element hats_command(Occupant& who, const std::string& name,
                          const std::vector<std::pair<std::string, std::string>>& fields = {}) {
    std::string form;
    if (!fields.empty()) {
        form =
            "<x xmlns='jabber:x:data' type='submit'><field "
            "var='FORM_TYPE'><value>urn:xmpp:hats:commands</value></field>";
        for (const auto& [var, value] : fields)
            form += "<field var='hats#" + var + "'><value>" + value + "</value></field>";
        form += "</x>";
    }
    return who.ask("set",
                   "<command xmlns='http://jabber.org/protocol/commands' action='execute' "
                   "node='urn:xmpp:hats:commands:" +
                       name + "'>" + form + "</command>");
}

std::string hats_of(const xml::Element& presence) {
    std::string all;
    const auto* hats = presence.child("hats", kHats);
    if (!hats) return all;
    for (const auto* hat : hats->children()) all += std::string{hat->attribute("title")} + ' ';
    return all;
}

TEST(Xep0317S3Hats, AreMadeGivenShownAndTakenAway) {
    Two t;
    EXPECT_EQ(condition(hats_command(*t.bob, "create", {{"title", "King"}, {"uri", "urn:hats#king"}})), "forbidden");
    const auto asked = hats_command(t.alice, "create");
    EXPECT_EQ(asked.first_child()->attribute("status"), "executing");
    EXPECT_FALSE(asked.first_child()->attribute("sessionid").empty());
    const auto made = hats_command(t.alice, "create", {{"title", "Cook"}, {"uri", "urn:hats#cook"}, {"hue", "171.4"}});
    EXPECT_EQ(made.first_child()->attribute("status"), "completed");
    EXPECT_TRUE(has_status(t.bob->until([](const auto& e) { return e.name() == "message"; }), "104"));
    hats_command(t.alice, "assign", {{"jid", "bob@localhost"}, {"uri", "urn:hats#cook"}});
    EXPECT_EQ(hats_of(t.bob->sees("Bob")), "Cook ");
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    EXPECT_EQ(hats_of(carol.entry.at(1)), "Cook ");
    EXPECT_EQ(carol.entry.at(1).child("hats")->child("hat")->attribute("hue"), "171.4");
    t.bob->client->send(
        "<presence to='room@conference.localhost/Bob'><hats xmlns='urn:xmpp:hats:0'><hat title='King' "
        "uri='urn:hats#king'/></hats></presence>");
    EXPECT_EQ(hats_of(carol.sees("Bob")), "Cook ") << "nobody puts one on himself";
    const auto list = hats_command(carol, "list");
    EXPECT_EQ(field(*form_in(list).child("item"), "hats#uri"), "urn:hats#cook");
    EXPECT_EQ(condition(hats_command(carol, "list-assigned")), "forbidden");
    EXPECT_EQ(field(*form_in(hats_command(t.alice, "list-assigned")).child("item"), "hats#jid"), "bob@localhost");
    const auto disco = t.bob->ask("get", kDisco);
    EXPECT_EQ(field(form_in(disco), "hats#hash").size(), 40u);
    hats_command(t.alice, "unassign", {{"jid", "bob@localhost"}, {"uri", "urn:hats#cook"}});
    EXPECT_EQ(hats_of(carol.sees("Bob")), "");
    hats_command(t.alice, "assign", {{"jid", "bob@localhost"}, {"uri", "urn:hats#cook"}});
    EXPECT_EQ(hats_of(carol.sees("Bob")), "Cook ");
    hats_command(t.alice, "destroy", {{"uri", "urn:hats#cook"}});
    EXPECT_EQ(hats_of(carol.sees("Bob")), "");
}

TEST(Xep0317S3Hats, OutliveARestartAndAreRefusedWhereTheyAreNone) {
    Two t;
    t.alice.configure({{"persistentroom", "1"}});
    for (const auto& fields : std::vector<std::vector<std::pair<std::string, std::string>>>{
             {{"title", "Cook"}, {"uri", "no uri"}},
             {{"title", ""}, {"uri", "urn:hats#cook"}},
             {{"title", "Cook"}, {"uri", "urn:hats#cook"}, {"hue", "green"}}})
        EXPECT_EQ(condition(hats_command(t.alice, "create", fields)), "not-acceptable");
    EXPECT_EQ(condition(hats_command(t.alice, "assign", {{"jid", "bob@localhost"}, {"uri", "urn:hats#none"}})),
              "item-not-found");
    for (int i = 0; i < 100; ++i)
        hats_command(t.alice, "create", {{"title", "Cook"}, {"uri", "urn:hats#" + std::to_string(i)}});
    EXPECT_EQ(condition(hats_command(t.alice, "create", {{"title", "Cook"}, {"uri", "urn:hats#more"}})),
              "resource-constraint");
    hats_command(t.alice, "assign", {{"jid", "bob@localhost"}, {"uri", "urn:hats#7"}});
    ASSERT_TRUE(t.world->host->repository().reload("localhost", "muc"));
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    t.bob->client->send(
        "<presence to='room@conference.localhost/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    EXPECT_EQ(hats_of(carol.sees("Bob")), "Cook ");
}

// ---- XEP-0424

std::string room_id(const xml::Element& message) {
    const auto* id = message.child("stanza-id", "urn:xmpp:sid:0");
    return id ? std::string{id->attribute("id")} : std::string{};
}

TEST(Xep0424S5Tombstones, WhatItsAuthorTakesBackIsGoneFromTheArchive) {
    Two t;
    t.bob->says("oops");
    const auto id = room_id(t.alice.hears("oops"));
    const auto take_back = [&](Occupant& who, const std::string& with) {
        who.client->send("<message type='groupchat' id='" + with + "' to='room@conference.localhost'><retract id='" +
                         id + "' xmlns='urn:xmpp:message-retract:1'/><body>taken back</body></message>");
    };
    const auto archived = [&] {
        t.alice.client->send(
            "<iq type='set' id='q' to='room@conference.localhost'><query xmlns='urn:xmpp:mam:2'/></iq>");
        std::vector<xml::Element> all;
        t.alice.until([&](const auto& e) {
            if (const auto* result = e.child("result", "urn:xmpp:mam:2"))
                all.push_back(*result->child("forwarded", "urn:xmpp:forward:0")->child("message", "jabber:client"));
            return e.attribute("id") == "q";
        });
        return all;
    };
    take_back(t.alice, "not-mine");
    t.alice.hears("taken back");
    EXPECT_EQ(archived().front().child_text("body"), "oops") << "others may ask, and nothing is done";
    take_back(*t.bob, "mine");
    EXPECT_TRUE(t.alice.hears("taken back").child("retract", kRetract)) << "clients are told";
    auto found = archived();
    for (int i = 0; i < 100 && found.front().child("body"); ++i) found = archived();
    EXPECT_FALSE(found.front().child("body"));
    ASSERT_TRUE(found.front().child("retracted", kRetract));
    EXPECT_EQ(found.front().child("retracted", kRetract)->attribute("id"), "mine");
    EXPECT_EQ(found.size(), 3u) << "the requests stay";
    Occupant carol{*t.world, "carol", "phone", "Carol"};
    for (const auto& each : carol.entry) EXPECT_NE(each.child_text("body"), "oops");
}

// ---- XEP-0059, and names of options

TEST(Xep0045S9p5Lists, ComeInPagesIfAskedFor) {
    Two t;
    for (const auto* user : {"u1", "u2", "u3", "u4", "u5"})
        t.alice.admin("<item jid='" + std::string{user} + "@localhost' affiliation='member'/>");
    const auto page = [&](const std::string& set) {
        const auto answer = t.alice.ask("get",
                                        "<query xmlns='http://jabber.org/protocol/muc#admin'><item "
                                        "affiliation='member'/>" +
                                            set + "</query>");
        std::string users;
        for (const auto* each : answer.child("query")->children())
            users += std::string{each->attribute("jid")}.substr(0, each->has_attribute("jid") ? 2 : 0);
        if (const auto* told = answer.child("query")->child("set")) users += '/' + told->child_text("count");
        return users;
    };
    const std::string rsm = "<set xmlns='http://jabber.org/protocol/rsm'>";
    EXPECT_EQ(page("").size(), 10u) << "all of them";
    EXPECT_EQ(page(rsm + "<max>2</max></set>"), "u1u2/5");
    EXPECT_EQ(page(rsm + "<max>2</max><after>u2@localhost</after></set>"), "u3u4/5");
    EXPECT_EQ(page(rsm + "<max>2</max><before/></set>"), "u4u5/5");
    EXPECT_EQ(page(rsm + "<max>2</max><before>u4@localhost</before></set>"), "u2u3/5");
    EXPECT_EQ(page(rsm + "<max>0</max></set>"), "/5");
    const auto wrong = t.alice.ask("get",
                                   "<query xmlns='http://jabber.org/protocol/muc#admin'><item "
                                   "affiliation='member'/>" +
                                       rsm + "<max>-1</max></set></query>");
    EXPECT_EQ(condition(wrong), "bad-request");
}

TEST(Xep0045S10p2Options, EachThatClientsKnowDoesWhatItSays) {
    Two t;
    const auto features = [&] {
        std::string all;
        const auto answer = t.bob->ask("get", kDisco);
        for (const auto* each : answer.child("query")->children()) all += std::string{each->attribute("var")} + ' ';
        return all;
    };
    EXPECT_EQ(t.alice.configure({{"passwordprotectedroom", "1"}, {"roomsecret", "sesame"}, {"moderatedroom", "1"}}),
              "result");
    EXPECT_TRUE(features().contains("muc_passwordprotected"));
    EXPECT_TRUE(features().contains("muc_moderated"));
    EXPECT_EQ(condition(Occupant(*t.world, "carol", "phone", "Carol").entry.back()), "not-authorized");
    EXPECT_NE(
        Occupant(*t.world, "carol", "phone", "Carol", "<password>sesame</password>").entry.back().attribute("type"),
        "error");
    t.alice.configure({{"passwordprotectedroom", "0"}, {"moderatedroom", "0"}, {"enablelogging", "0"}});
    EXPECT_FALSE(features().contains("urn:xmpp:mam:2"));
    t.alice.configure({{"roomdesc", "Where tea is drunk"}, {"lang", "de"}, {"allowinvites", "1"}, {"maxusers", "10"}});
    const auto info = t.bob->ask("get", kDisco);
    EXPECT_EQ(field(form_in(info), "muc#roominfo_description"), "Where tea is drunk");
    EXPECT_EQ(field(form_in(info), "muc#roominfo_lang"), "de");
    EXPECT_EQ(field(form_in(info), "muc#roomconfig_allowinvites"), "1");
    const auto form = t.alice.ask("get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>");
    EXPECT_EQ(field(form_in(form), "muc#roomconfig_maxusers"), "10");
    t.alice.configure({{"presencebroadcast", "moderator"}});
    const auto there = t.alice.ask("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>");
    EXPECT_EQ(there.child("query")->children().size(), 1u) << "participants are not shown any longer";
    EXPECT_EQ(t.alice.configure({{"allowpm", "moderator"}}), "result") << "in the singular, as some send it";
    t.alice.ask(
        "set",
        "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field "
        "var='{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites'><value>0</value></field></x></query>");
    EXPECT_EQ(field(form_in(t.bob->ask("get", kDisco)), "muc#roomconfig_allowinvites"), "0");
}

TEST(Xep0045S9p6Owners, AreNamedInTheFormToo) {
    Two t;
    const auto form = [&](const std::string& owners, const std::string& admins) {
        std::string text =
            "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
            "<field var='muc#roomconfig_roomowners'>" +
            owners + "</field><field var='muc#roomconfig_roomadmins'>" + admins + "</field></x></query>";
        return t.alice.ask("set", text);
    };
    EXPECT_EQ(condition(form("", "")), "conflict") << "nobody would be left";
    EXPECT_EQ(form("<value>alice@localhost</value>", "<value>bob@localhost</value>").attribute("type"), "result");
    EXPECT_EQ(item(t.bob->until([](const auto& e) { return item(e, "affiliation") == "admin"; }), "role"), "moderator");
}

}  // namespace
}  // namespace carillon::scenarios
