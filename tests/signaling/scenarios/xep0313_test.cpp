/// Spec: XEP-0313 (message archive), XEP-0441 (preferences), XEP-0359 (stanza ids), end to end.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "signaling/modules/modules.h"
#include "signaling/session/archive_query.h"
#include "signaling/xml/writer.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using session::kArchiveNs;
constexpr std::string_view kStanzaIds = "urn:xmpp:sid:0";
constexpr std::string_view kRsm = "http://jabber.org/protocol/rsm";

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

struct Found {
    std::string bodies;  // or the name of the first child, each with a blank behind it
    std::vector<std::string> ids;
    std::vector<std::string> stamps;
    std::string error;  // the condition, when there was one
    bool complete = false;
    std::string first, last, count;
};

std::string field(std::string_view var, std::string_view value) {
    return "<field var='" + std::string{var} + "'><value>" + std::string{value} + "</value></field>";
}
std::string form(const std::string& fields) {
    return "<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", kArchiveNs) + fields + "</x>";
}
std::string rsm(const std::string& content) {
    return "<set xmlns='http://jabber.org/protocol/rsm'>" + content + "</set>";
}

Found query(Client& client, const std::string& content = {}, const std::string& to = {}) {
    client.send("<iq type='set' id='q'" + (to.empty() ? "" : " to='" + to + "'") +
                "><query xmlns='urn:xmpp:mam:2' queryid='x7'>" + content + "</query></iq>");
    Found found;
    for (;;) {
        const auto got = client.expect_element();
        if (const auto* result = got.child("result", kArchiveNs)) {
            EXPECT_EQ(result->attribute("queryid"), "x7");
            const auto* forwarded = result->child("forwarded", "urn:xmpp:forward:0");
            const auto* message = forwarded->child("message", "jabber:client");
            const auto body = message->child_text("body");
            found.bodies += (body.empty() ? message->first_child()->name() : body) + ' ';
            found.ids.emplace_back(result->attribute("id"));
            found.stamps.emplace_back(forwarded->child("delay", "urn:xmpp:delay")->attribute("stamp"));
            continue;
        }
        if (got.attribute("id") != "q" || got.name() != "iq") continue;  // chat that comes meanwhile
        if (const auto* error = got.child("error")) {
            found.error = error->first_child()->name();
            return found;
        }
        const auto* fin = got.child("fin", kArchiveNs);
        const auto* set = fin->child("set", kRsm);
        found.complete = fin->attribute("complete") == "true";
        found.first = set->child_text("first", kRsm);
        found.last = set->child_text("last", kRsm);
        found.count = set->child_text("count", kRsm);
        return found;
    }
}

void chat(Client& from, const std::string& to, const std::string& body) {
    from.send("<message type='chat' to='" + to + "' id='" + body + "'><body>" + body + "</body></message>");
}

/// A world in which alice told bob one to nine, and dave x between four and five.
struct Talked {
    Talked() : world{make_world()}, alice{world->log_in("alice", "desk")} {
        for (int i = 1; i <= 9; ++i) {
            chat(*alice, "bob@localhost/phone", std::to_string(i));
            if (i == 4) chat(*alice, "dave@localhost", "x");
        }
        alice->drain("localhost");
        all = query(*alice);
    }
    std::unique_ptr<World> world;
    std::unique_ptr<Client> alice;
    Found all;
};

TEST(Xep0313S3Archive, BothSidesHaveTheConversationInOrder) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    chat(*alice, "bob@localhost/phone", "one");
    EXPECT_EQ(bob->expect_element().child_text("body"), "one");
    chat(*bob, "alice@localhost/desk", "two");
    EXPECT_EQ(alice->expect_element().child_text("body"), "two");
    for (auto* client : {alice.get(), bob.get()}) {
        const auto found = query(*client);
        EXPECT_EQ(found.bodies, "one two ");
        EXPECT_TRUE(found.complete);
        EXPECT_EQ(found.first, found.ids.front());
        EXPECT_EQ(found.last, found.ids.back());
        EXPECT_LE(found.stamps.front(), found.stamps.back());
    }
    EXPECT_NE(query(*alice).ids, query(*bob).ids);
    EXPECT_EQ(query(*alice, {}, "alice@localhost").bodies, "one two ");
    EXPECT_EQ(query(*alice, {}, "bob@localhost").error, "forbidden");
}

TEST(Xep0313S3p5Id, TheAddresseeIsToldItsOwnAndForgedOnesGo) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    alice->send(
        "<message type='chat' to='bob@localhost/phone'><body>one</body>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='BOB@localhost' id='forged'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='forged'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='forged'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='room@conference.example.org' id='kept'/></message>");
    const auto got = bob->expect_element();
    std::map<std::string, std::string> ids;
    for (const auto* child : got.children()) {
        if (child->ns() == kStanzaIds) ids[std::string{child->attribute("by")}] = child->attribute("id");
    }
    EXPECT_EQ(ids.size(), 2u);
    EXPECT_EQ(ids["room@conference.example.org"], "kept");
    EXPECT_EQ(ids["bob@localhost"], query(*bob).ids.at(0));
    alice->send(
        "<message type='chat' to='bob@localhost/phone'><composing xmlns='http://jabber.org/protocol/chatstates'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost' id='forged'/></message>");
    EXPECT_FALSE(bob->expect_element().child("stanza-id")) << "not archived, and forged all the same";
}

TEST(Xep0313S3p5Id, TheSendersOtherDevicesLearnTheSendersId) {
    auto world = make_world();
    auto desk = world->log_in("alice", "desk");
    auto tablet = world->log_in("alice", "tablet");
    auto bob = world->log_in("bob", "phone");
    tablet->send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    EXPECT_EQ(tablet->expect_element().attribute("type"), "result");
    chat(*desk, "bob@localhost/phone", "one");
    const auto copy = tablet->expect_element();
    const auto* message = copy.child("sent")->child("forwarded")->child("message");
    const auto* id = message->child("stanza-id", kStanzaIds);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->attribute("by"), "alice@localhost");
    EXPECT_EQ(id->attribute("id"), query(*desk).ids.at(0));
    const auto got = bob->expect_element();
    EXPECT_EQ(got.child("stanza-id")->attribute("by"), "bob@localhost");
    std::size_t ids = 0;
    for (const auto* child : got.children()) ids += child->name() == "stanza-id";
    EXPECT_EQ(ids, 1u);
}

TEST(Xep0313S4p1Filter, WithStartEndAndIds) {
    Talked t;
    EXPECT_EQ(t.all.bodies, "1 2 3 4 x 5 6 7 8 9 ");
    const auto bodies = [&](const std::string& fields) { return query(*t.alice, form(fields)).bodies; };
    EXPECT_EQ(bodies(field("with", "dave@localhost")), "x ");
    EXPECT_EQ(bodies(field("with", "bob@localhost/phone")), "1 2 3 4 5 6 7 8 9 ");
    EXPECT_EQ(bodies(field("with", "bob@localhost/desk")), "");
    EXPECT_EQ(bodies(field("with", "")), t.all.bodies);
    EXPECT_EQ(bodies(field("start", t.all.stamps.front())), t.all.bodies);
    EXPECT_EQ(bodies(field("end", t.all.stamps.back())), t.all.bodies);
    EXPECT_EQ(bodies(field("end", "2020-01-01T00:00:00Z")), "");
    EXPECT_EQ(bodies(field("start", "2999-01-01T00:00:00+01:00")), "");
    EXPECT_EQ(bodies(field("after-id", t.all.ids[2]) + field("before-id", t.all.ids[6])), "4 x 5 ");
    EXPECT_EQ(bodies("<field var='ids'><value>" + t.all.ids[7] + "</value><value>" + t.all.ids[0] + "</value></field>"),
              "1 7 ");
    EXPECT_EQ(bodies(field("include-groupchat", "true") + field("with", "dave@localhost")), "x ");
}

TEST(Xep0313S4p1Filter, WhatIsWrongIsRefusedAsItShouldBe) {
    Talked t;
    const auto error = [&](const std::string& content) { return query(*t.alice, content).error; };
    EXPECT_EQ(error(form(field("color", "red"))), "feature-not-implemented");
    EXPECT_EQ(error(form(field("start", "yesterday"))), "bad-request");
    EXPECT_EQ(error(form(field("with", "@"))), "jid-malformed");
    EXPECT_EQ(error("<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", "urn:other") + "</x>"),
              "bad-request");
    EXPECT_EQ(error("<x xmlns='jabber:x:data' type='submit'/>"), "bad-request");
    for (const auto* var : {"after-id", "before-id", "ids"}) {
        EXPECT_EQ(error(form(field(var, "nonsense"))), "item-not-found");
        EXPECT_EQ(error(form(field(var, "1-0000000000000001"))), "item-not-found");
    }
    EXPECT_EQ(error(rsm("<after>1-0000000000000001</after>")), "item-not-found");
    EXPECT_EQ(error(rsm("<before>nonsense</before>")), "item-not-found");
    EXPECT_EQ(error(rsm("<max>many</max>")), "bad-request");
    EXPECT_EQ(error(rsm("<index>3</index>")), "feature-not-implemented");
    std::string ids;
    for (int i = 0; i < 251; ++i) ids += "<value>" + t.all.ids[0] + "</value>";
    EXPECT_EQ(error(form("<field var='ids'>" + ids + "</field>")), "not-acceptable");
}

TEST(Xep0313S4p3Paging, ForwardsBackwardsAndCounting) {
    Talked t;
    const auto page = [&](const std::string& set, const std::string& more = {}) {
        return query(*t.alice, rsm("<max>4</max>" + set) + more);
    };
    auto found = page("");
    EXPECT_EQ(found.bodies, "1 2 3 4 ");
    EXPECT_FALSE(found.complete);
    found = page("<after>" + found.last + "</after>");
    EXPECT_EQ(found.bodies, "x 5 6 7 ");
    found = page("<after>" + found.last + "</after>");
    EXPECT_EQ(found.bodies, "8 9 ");
    EXPECT_TRUE(found.complete);
    found = page("<after>" + found.last + "</after>");
    EXPECT_EQ(found.bodies, "");
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.first, "");

    found = page("<before/>");
    EXPECT_EQ(found.bodies, "6 7 8 9 ");
    EXPECT_FALSE(found.complete);
    found = page("<before>" + found.first + "</before>", "<flip-page/>");
    EXPECT_EQ(found.bodies, "5 x 4 3 ") << "flipped";
    found = page("<before>" + found.first + "</before>");
    EXPECT_EQ(found.bodies, "1 2 ");
    EXPECT_TRUE(found.complete);

    found = query(*t.alice, rsm("<max>0</max>"));
    EXPECT_EQ(found.count, "10");
    EXPECT_EQ(found.bodies, "");
    EXPECT_EQ(query(*t.alice, form(field("with", "dave@localhost")) + rsm("<max>0</max>")).count, "1");
    EXPECT_EQ(query(*t.alice, rsm("<max>99999999999999999999</max>")).bodies, t.all.bodies);
}

TEST(Xep0313S4p1p5Form, MetadataAndDisco) {
    Talked t;
    run(*t.world, R"(
        alice/a connects
        alice/a sends
            <iq type='get' id='1'><query xmlns='urn:xmpp:mam:2'/></iq>
        alice/a receives
            <iq type='result' id='1'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='form'>
              <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field><field var='with' type='jid-single'/>
              <field var='start'/><field var='end'/><field var='before-id'/><field var='after-id'/>
              <field var='ids' type='list-multi'><validate xmlns='http://jabber.org/protocol/xdata-validate'><open/></validate></field>
              <field var='include-groupchat'/></x></query></iq>
        alice/a sends
            <iq type='get' id='2' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/a receives
            <iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/>
              <feature var='urn:xmpp:mam:2#extended'/><feature var='urn:xmpp:sid:0'/></query></iq>
        carol/x connects
        carol/x sends
            <iq type='get' id='3'><metadata xmlns='urn:xmpp:mam:2'/></iq>
        carol/x receives
            <iq type='result' id='3'><metadata xmlns='urn:xmpp:mam:2'/></iq>
        carol/x sends
            <iq type='get' id='4' to='alice@localhost'><metadata xmlns='urn:xmpp:mam:2'/></iq>
        carol/x receives
            <iq type='error' id='4'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        carol/x sends
            <iq type='get' id='5' to='alice@localhost'><query xmlns='urn:xmpp:mam:2'/></iq>
        carol/x receives
            <iq type='error' id='5'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
    t.alice->send("<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>");
    const auto answer = t.alice->expect_element();
    const auto* metadata = answer.child("metadata", kArchiveNs);
    ASSERT_TRUE(metadata);
    EXPECT_EQ(metadata->child("start")->attribute("id"), t.all.ids.front());
    EXPECT_EQ(metadata->child("end")->attribute("id"), t.all.ids.back());
    EXPECT_EQ(metadata->child("start")->attribute("timestamp"), t.all.stamps.front());
}

TEST(Xep0441Preferences, DecideWhatIsArchived) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1'><prefs xmlns='urn:xmpp:mam:2'/></iq>
        alice/desk receives
            <iq type='result' id='1'><prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs></iq>
        alice/desk sends
            <iq type='set' id='2'><prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>dave@localhost</jid></always>
              <never><jid>bob@localhost/secret</jid></never></prefs></iq>
        alice/desk receives
            <iq type='result' id='2'><prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>dave@localhost</jid></always>
              <never><jid>bob@localhost/secret</jid></never></prefs></iq>
        alice/desk sends
            <iq type='set' id='3'><prefs xmlns='urn:xmpp:mam:2' default='perhaps'/></iq>
        alice/desk receives
            <iq type='error' id='3'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='4'><prefs xmlns='urn:xmpp:mam:2' default='never'><never><jid>@</jid></never></prefs></iq>
        alice/desk receives
            <iq type='error' id='4'/>
        alice/desk sends
            <iq type='set' id='5' to='bob@localhost'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>
        alice/desk receives
            <iq type='error' id='5'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='6'><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>
        alice/desk receives
            <iq type='result' id='6'/>
    )");
    auto alice = world->log_in("alice", "desk");
    chat(*alice, "bob@localhost/phone", "friend");
    chat(*alice, "bob@localhost/secret", "never");
    chat(*alice, "carol@localhost", "stranger");
    chat(*alice, "dave@localhost", "always");
    alice->drain("localhost");
    EXPECT_EQ(query(*alice).bodies, "friend always ");
    ASSERT_TRUE(world->host->repository().reload("localhost", "archive"));
    chat(*alice, "carol@localhost", "stranger");
    EXPECT_EQ(query(*alice).bodies, "friend always ") << "they are remembered";
    alice->send("<iq type='set' id='n'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>");
    alice->drain("localhost");
    chat(*alice, "bob@localhost", "friend");
    EXPECT_EQ(query(*alice).bodies, "friend always ");
    auto carol = world->log_in("carol", "x");
    EXPECT_EQ(query(*carol).bodies, "stranger stranger ") << "hers is another archive";
}

TEST(Xep0313S6Rules, OnceEachWhateverTheWay) {
    auto world = make_world();
    auto desk = world->log_in("alice", "desk");
    auto tablet = world->log_in("alice", "tablet");
    chat(*desk, "alice@localhost", "note");
    chat(*desk, "alice@localhost/tablet", "other");
    desk->send("<message type='chat'><body>self</body></message>");
    desk->drain("localhost");
    EXPECT_EQ(query(*desk).bodies, "note other self ");

    auto bob = world->log_in("bob", "phone");
    bob->send("<presence/><enable xmlns='urn:xmpp:sm:3'/>");
    while (bob->expect_element().name() != "enabled") {
    }
    chat(*desk, "bob@localhost/phone", "unacknowledged");
    while (bob->expect_element().name() != "message") {
    }
    bob->disconnect();  // it goes to offline storage now
    bob = world->log_in("bob", "phone");
    bob->send("<presence/>");
    while (bob->expect_element().name() != "message") {
    }
    EXPECT_EQ(query(*bob).bodies, "unacknowledged ");
}

TEST(Xep0313S6Rules, WhatIsRefusedIsNotArchived) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    alice->send("<message to='bob@localhost/gone' id='n'><body>nobody</body></message>");
    EXPECT_EQ(alice->expect_element().attribute("type"), "error");
    EXPECT_EQ(query(*bob).bodies, "");
    world->storage.archive().full = true;
    chat(*alice, "bob@localhost/phone", "full");
    const auto refused = alice->expect_element();
    EXPECT_TRUE(refused.child("error")->child("resource-constraint")) << xml::to_string(refused);
    EXPECT_TRUE(bob->drain("localhost").empty());
    world->storage.archive().full = false;
    EXPECT_EQ(query(*alice).bodies, "nobody ") << "she did send it";
}

/// With nobody there and offline storage full, the archive still has it: nothing has failed.
TEST(Xep0313S6Rules, WhatIsArchivedIsNotBounced) {
    auto world = make_world();
    runtime::ModuleSelection choice;
    choice.settings["offline"] = config::Value{config::Value::Table{{"limit", config::Value{std::int64_t{1}}}}};
    ASSERT_TRUE(world->host->repository().apply("localhost", choice));
    auto alice = world->log_in("alice", "desk");
    for (const auto* body : {"one", "two", "three"}) chat(*alice, "bob@localhost", body);
    alice->send(
        "<message type='chat' to='bob@localhost' id='s'><body>no trace</body><no-store "
        "xmlns='urn:xmpp:hints'/></message>");
    const auto refused = alice->expect_element();
    EXPECT_EQ(refused.attribute("id"), "s") << "the one that is kept nowhere";
    EXPECT_TRUE(alice->drain("localhost").empty());
    auto bob = world->log_in("bob", "phone");
    EXPECT_EQ(query(*bob).bodies, "one two three ");
}

TEST(Xep0313S3p2Retention, OldAndSurplusMessagesGo) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    for (int i = 1; i <= 6; ++i) chat(*alice, "bob@localhost", std::to_string(i));
    alice->drain("localhost");
    auto& archive = world->storage.archive();
    boost::asio::io_context io;
    boost::asio::co_spawn(io, archive.expire(xmpp::Jid::parse("alice@localhost").value(), WallTime{}, 4, 100),
                          [](std::exception_ptr, std::size_t) {});
    io.run();
    EXPECT_EQ(query(*alice).bodies, "3 4 5 6 ");
    auto bob = world->log_in("bob", "phone");
    EXPECT_EQ(query(*bob).bodies, "1 2 3 4 5 6 ");
}

TEST(Xep0313S3p2Retention, WhatIsBeyondTheBoundOfOctetsGoesByItself) {
    config::Value::Table settings;
    settings["octets"] = config::Value{std::string{"4 KiB"}};
    settings["sweep"] = config::Value{std::string{"1 s"}};
    WorldOptions options;
    options.modules = modules::builtin();
    options.selection.settings["archive"] = config::Value{std::move(settings)};
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    for (const auto* name : {"1", "2", "3", "4"}) chat(*alice, "bob@localhost", name + std::string(500, 'x'));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    std::size_t left = 4;
    while (left == 4 && std::chrono::steady_clock::now() < until) left = query(*alice).ids.size();
    const auto bodies = query(*alice).bodies;
    EXPECT_EQ(left, 3u);
    EXPECT_TRUE(bodies.starts_with("2")) << "the oldest went: " << bodies;
}

}  // namespace
}  // namespace carillon::scenarios
