/// What goes to all occupants at once, as each may have it; and those who send too much of it.
/// Spec: XEP-0045 §7.2.2, §7.2.3 (presence broadcast, real addresses), §7.4; XEP-0191, XEP-0198, XEP-0352 of receivers.
#include <gtest/gtest.h>

#include "signaling/stream/stream_text.h"
#include "tests/signaling/scenarios/muc_world.h"

namespace carillon::scenarios {
namespace {

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
    client->open_stream("localhost");
    return client;
}

struct Crowd {
    Crowd() : world{make_muc_world()}, alice{*world, "alice", "desk", "Alice"} {
        alice.configure();
        bob = std::make_unique<Occupant>(*world, "bob", "phone", "Bob");
        carol = std::make_unique<Occupant>(*world, "carol", "phone", "Carol");
    }
    std::unique_ptr<World> world;
    Occupant alice;
    std::unique_ptr<Occupant> bob;
    std::unique_ptr<Occupant> carol;
};

/// All that comes before the message `body`.
std::vector<xml::Element> before(Occupant& who, const std::string& body) {
    std::vector<xml::Element> all;
    for (;;) {
        all.push_back(who.client->expect_element());
        if (all.back().child_text("body") == body) return all;
    }
}

std::size_t of(const std::vector<xml::Element>& all, const std::string& from) {
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const auto& each) { return each.attribute("from") == from; }));
}

TEST(Xep0045S7p2p2Broadcast, EachSeesWhatHeMay) {
    Crowd t;
    Occupant dave{*t.world, "dave", "phone", "Dave"};
    const auto shown = t.alice.sees("Dave");
    EXPECT_EQ(item(shown, "jid"), "dave@localhost/phone") << "a moderator";
    EXPECT_EQ(shown.attribute("to"), "alice@localhost/desk");
    for (auto* other : {t.bob.get(), t.carol.get()}) {
        const auto seen = other->sees("Dave");
        EXPECT_EQ(item(seen, "jid"), "") << "none";
        EXPECT_EQ(item(seen, "affiliation"), "none");
        EXPECT_EQ(std::string{seen.attribute("to")}.substr(0, 3), other->client == t.bob->client ? "bob" : "car");
    }
}

TEST(Xep0191S3Blocking, OfOneOccupantHidesThatOneAlone) {
    Crowd t;
    t.carol->client->send(
        "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='room@conference.localhost/Bob'/></block>"
        "</iq>");
    t.carol->until([](const auto& e) { return e.attribute("id") == "b"; });
    t.bob->client->send("<presence to='room@conference.localhost/Bob'><show>away</show></presence>");
    t.bob->says("hello");
    EXPECT_EQ(t.alice.sees("Bob").child_text("show"), "") << "his coming";
    EXPECT_EQ(t.alice.sees("Bob").child_text("show"), "away");
    t.alice.hears("hello");
    t.alice.says("are you there?");
    EXPECT_EQ(of(before(*t.carol, "are you there?"), "room@conference.localhost/Bob"), 0u);
    t.carol->says("yes");
    t.alice.hears("yes");  // nobody has thrown her out
    t.bob->hears("yes");
}

TEST(Xep0352ClientState, OfOneOccupantHoldsItsOwnCopies) {
    Crowd t;
    t.carol->client->send("<inactive xmlns='urn:xmpp:csi:0'/>");
    t.carol->ask("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost");
    for (const auto* show : {"away", "xa", "dnd"})
        t.bob->client->send("<presence to='room@conference.localhost/Bob'><show>" + std::string{show} +
                            "</show></presence>");
    t.bob->says("nothing of importance");
    t.alice.hears("nothing of importance");
    t.bob->client->send("<message type='chat' to='carol@localhost/phone'><body>wake up</body></message>");
    const auto all = before(*t.carol, "wake up");
    EXPECT_EQ(of(all, "room@conference.localhost/Bob"), 2u) << "the last presence, and what was said";
    EXPECT_EQ(all.front().child_text("show"), "dnd");
}

TEST(Xep0198S5Resumption, AnOccupantMissesNothingThatWasSaid) {
    Crowd t;
    auto dave = t.world->log_in("dave", "phone");
    dave->send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    const std::string id{dave->expect_element().attribute("id")};
    dave->send("<presence to='room@conference.localhost/Dave'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    std::size_t count = 0;
    std::size_t asked = 0;
    const auto read_until = [&](const auto& found) {
        for (;;) {
            const auto got = dave->expect_element();
            ++(got.is("r", kSm) ? asked : count);
            if (found(got)) return;
        }
    };
    read_until([](const auto& e) { return e.name() == "message"; });  // the subject
    t.alice.says("one");
    read_until([](const auto& e) { return e.child_text("body") == "one"; });
    dave->disconnect();
    for (const auto* body : {"two", "three", "four"}) t.alice.says(body);
    t.alice.hears("four");
    auto again = authenticated(*t.world, "dave");
    again->send("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='" + std::to_string(count) + "'/>");
    EXPECT_TRUE(again->expect_element().is("resumed", kSm)) << "the count was right";
    std::string said;
    while (said.size() < 12) said += again->expect_element().child_text("body");
    EXPECT_EQ(said, "twothreefour") << "nothing twice";
    EXPECT_GT(asked, 0u);
}

/// Sends while it reads: thousands of stanzas do not fit between two ends that only send.
void flood(Occupant& who, std::size_t times, const std::function<std::string(std::size_t)>& stanza) {
    for (std::size_t i = 0; i < times;) {
        std::string some;
        for (const auto end = std::min(times, i + 100); i < end; ++i) some += stanza(i);
        who.client->send(some);
        who.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost");
    }
}

TEST(Xep0045Floods, ThousandsOfPresencesReachTheOthersAsFew) {
    Crowd t;
    flood(*t.bob, 3000, [&](std::size_t i) {
        return "<presence to='room@conference.localhost/Bob'><status>" + std::to_string(i) + "</status></presence>";
    });
    std::size_t shown = 0;
    for (std::string last; last != "2999"; ++shown) last = t.alice.sees("Bob").child_text("status");
    EXPECT_LT(shown, 100u) << "the last one is shown, and few before it";
    t.carol->says("all is well");
    t.alice.hears("all is well");
}

TEST(Xep0045Floods, ComingAndGoingIsNotForEver) {
    Crowd t;
    std::size_t refused = 0;
    auto dave = t.world->log_in("dave", "x");
    for (int i = 0; i < 300; ++i)
        dave->send(
            "<presence to='room@conference.localhost/Dave'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            "<presence type='unavailable' to='room@conference.localhost/Dave'/>");
    while (refused < 200) refused += condition(dave->expect_element()) == "resource-constraint";
    t.carol->says("all is well");
    const auto seen = before(t.alice, "all is well");
    EXPECT_LT(of(seen, "room@conference.localhost/Dave"), 100u);
    Occupant again{*t.world, "bob", "desk", "Bob"};
    EXPECT_NE(again.entry.back().attribute("type"), "error") << "others come in";
}

TEST(Xep0045Floods, NewNicksAreNotForEver) {
    Crowd t;
    std::size_t refused = 0;
    for (int i = 0; i < 200; ++i)
        t.bob->client->send("<presence to='room@conference.localhost/Bob" + std::to_string(i) + "'/>");
    while (refused < 150) refused += condition(t.bob->client->expect_element()) == "resource-constraint";
    t.carol->says("all is well");
    EXPECT_LT(before(t.alice, "all is well").size(), 100u);
}

}  // namespace
}  // namespace carillon::scenarios
