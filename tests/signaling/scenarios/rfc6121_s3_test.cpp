/// Spec: RFC 6121 §2 (roster), §3 (subscriptions), §4 (presence); XEP-0160, XEP-0030 and the small services, end to
/// end.
#include <gtest/gtest.h>

#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

constexpr std::string_view kFriends = R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        alice/desk receives
            <iq type='result' id='r'><query xmlns='jabber:iq:roster'/></iq>
        bob/phone sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        bob/phone receives
            <iq type='result' id='r'/>
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        alice/desk sends
            <presence to='bob@localhost' type='subscribe' id='s1'/>
        alice/desk receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='none' ask='subscribe'/></query></iq>
        bob/phone receives
            <presence from='alice@localhost' to='bob@localhost' type='subscribe' id='s1'/>
        bob/phone sends
            <presence to='alice@localhost' type='subscribed'/>
        bob/phone receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='from'/></query></iq>
        alice/desk receives
            <presence from='bob@localhost' type='subscribed'/>
        alice/desk receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='to' ask='{none}'/></query></iq>
        alice/desk receives
            <presence from='bob@localhost/phone' type='{none}'/>
)";

TEST(Rfc6121S3p1Subscribe, RequestApprovalPushesAndPresence) {
    auto world = make_world();
    run(*world, kFriends);
}

TEST(Rfc6121S4p5Unavailable, ContactsLearnOfAStreamThatDies) {
    auto world = make_world();
    run(*world, kFriends);
    run(*world, R"(
        alice/tab connects
        alice/tab sends
            <presence/>
        alice/tab receives
            <presence from='alice@localhost/tab'/>
        alice/tab receives
            <presence from='bob@localhost' type='unavailable'/>
        bob/phone connects
        bob/phone sends
            <presence><show>away</show><c xmlns='urn:example:kept' x='1'/></presence>
        alice/tab receives
            <presence from='bob@localhost/phone' to='alice@localhost'><show>away</show><c xmlns='urn:example:kept' x='1'/></presence>
        bob/phone disconnects
        alice/tab receives
            <presence from='bob@localhost/phone' type='unavailable'/>
        alice/tab receives nothing
    )");
}

TEST(Rfc6121S3p1p3Subscribe, RequestWaitsForTheUserToComeOnline) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <presence to='carol@localhost/any' type='subscribe' id='later'><status>hello</status></presence>
        alice/desk receives nothing
        carol/home connects
        carol/home receives nothing
        carol/home sends
            <presence/>
        carol/home receives
            <presence from='alice@localhost' to='carol@localhost' type='subscribe' id='later'><status>hello</status></presence>
        carol/home sends
            <presence to='alice@localhost' type='unsubscribed'/>
        carol/home disconnects
        carol/home is gone
        carol/home connects
        carol/home sends
            <presence/>
        carol/home receives
            <presence from='carol@localhost/home'/>
        carol/home receives nothing
    )");
}

TEST(Rfc6121S3p4PreApproval, TheRequestIsAnsweredAtOnce) {
    auto world = make_world();
    run(*world, R"(
        bob/phone connects
        bob/phone sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        bob/phone receives
            <iq type='result' id='r'/>
        bob/phone sends
            <presence to='alice@localhost' type='subscribed'/>
        bob/phone receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='none' approved='true'/></query></iq>
        alice/desk connects
        alice/desk sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence to='bob@localhost' type='subscribe'/>
        alice/desk receives
            <iq type='result' id='r'/>
        alice/desk receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item ask='subscribe'/></query></iq>
        alice/desk receives
            <presence from='bob@localhost' type='subscribed'/>
    )");
}

TEST(Rfc6121S3p1p6Subscribed, WhatNobodyAskedForIsDropped) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        dave/x connects
        alice/desk sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        alice/desk receives
            <iq type='result' id='r'/>
        dave/x sends
            <presence to='alice@localhost' type='subscribed'/>
        alice/desk receives nothing
        dave/x sends
            <presence to='alice@localhost' type='probe'/>
        dave/x receives nothing
    )");
}

TEST(Rfc6121S2Roster, SetGetRemoveAndVersions) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='g1'><query xmlns='jabber:iq:roster' ver=''/></iq>
        alice/desk receives
            <iq type='result' id='g1'><query xmlns='jabber:iq:roster' ver='0'/></iq>
        alice/desk sends
            <iq type='set' id='s1'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' name='Romeo'><group>Friends</group></item></query></iq>
        alice/desk receives
            <iq type='set'><query xmlns='jabber:iq:roster' ver='1'><item jid='romeo@example.net' name='Romeo' subscription='none'><group>Friends</group></item></query></iq>
        alice/desk receives
            <iq type='result' id='s1'/>
        alice/desk sends
            <iq type='get' id='g2'><query xmlns='jabber:iq:roster' ver='1'/></iq>
        alice/desk receives
            <iq type='result' id='g2'/>
        alice/desk sends
            <iq type='set' id='s2'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' subscription='remove'/></query></iq>
        alice/desk receives
            <iq type='set'><query xmlns='jabber:iq:roster' ver='2'><item jid='romeo@example.net' subscription='remove'/></query></iq>
        alice/desk receives
            <iq type='result' id='s2'/>
        alice/desk sends
            <iq type='set' id='s3'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' subscription='remove'/></query></iq>
        alice/desk receives
            <iq type='error' id='s3'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='s4'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/></query></iq>
        alice/desk receives
            <iq type='error' id='s4'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='get' id='g3' to='bob@localhost'><query xmlns='jabber:iq:roster'/></iq>
        alice/desk receives
            <iq type='error' id='g3' from='bob@localhost'/>
    )");
}

TEST(Rfc6121S4p6Directed, ThoseToldDirectlyLearnOfTheEnd) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        dave/x connects
        alice/desk sends
            <presence to='dave@localhost/x'/>
        dave/x receives
            <presence from='alice@localhost/desk' to='dave@localhost/x'/>
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        dave/x receives nothing
        alice/desk disconnects
        dave/x receives
            <presence from='alice@localhost/desk' type='unavailable'/>
    )");
}

TEST(Xep0160Offline, MessagesWaitInOrderAndAreStamped) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='bob@localhost' type='chat' id='1'><body>one</body></message>
            <message to='bob@localhost' type='chat' id='2'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
            <message to='bob@localhost' type='headline' id='3'><body>news</body></message>
            <message to='bob@localhost' id='4'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>
            <message to='bob@localhost' type='chat' id='5'><body>secret</body><no-store xmlns='urn:xmpp:hints'/></message>
        alice/desk receives
            <message from='bob@localhost' type='error' id='5'/>
        bob/negative connects
        bob/negative sends
            <presence><priority>-1</priority></presence>
        bob/negative receives
            <presence from='bob@localhost/negative'/>
        bob/negative receives nothing
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/negative'/>
        bob/phone receives
            <message id='1' from='alice@localhost/desk'><body>one</body><delay xmlns='urn:xmpp:delay' from='localhost'/></message>
        bob/phone receives
            <message id='4'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        bob/phone disconnects
        bob/phone is gone
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/negative'/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        bob/phone receives nothing
    )");
}

TEST(Xep0160Offline, AHandoverThatFailsIsTriedAgain) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='bob@localhost' type='chat' id='1'><body>one</body></message>
        alice/desk receives nothing
    )");
    auto bob = world->log_in("bob", "phone");
    const auto told = [&] {
        bob->send("<presence/>");
        bool message = false;
        for (const auto& element : bob->drain("localhost")) message |= element.name() == "message";
        return message;
    };
    world->storage.offline().fail_erases = true;
    EXPECT_TRUE(told());
    world->storage.offline().fail_erases = false;
    EXPECT_TRUE(told()) << "it was not erased: twice is better than never";
    EXPECT_FALSE(told());
}

/// A message that comes while the disk is looked at is newer than what the disk holds.
TEST(Xep0160Offline, WhatComesDuringTheHandoverWaitsBehindIt) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='bob@localhost' type='chat' id='old'><body>one</body></message>
        alice/desk receives nothing
    )");
    world->storage.offline().load_delay = std::chrono::milliseconds{150};
    auto alice = world->log_in("alice", "desk");
    auto bob = world->log_in("bob", "phone");
    const auto before = world->storage.offline().loads.load();
    bob->send("<presence/>");
    while (world->storage.offline().loads == before) std::this_thread::yield();  // until the disk is at work
    alice->send("<message to='bob@localhost' type='chat' id='bare'/><message to='bob@localhost/phone' id='full'/>");
    std::vector<std::string> order;
    while (order.size() < 3) {
        const auto got = bob->expect_element();
        if (got.name() == "message") order.emplace_back(got.attribute("id"));
    }
    EXPECT_EQ(order, (std::vector<std::string>{"old", "bare", "full"}));
}

/// The roster may be filled by asking for subscriptions as well as by roster sets.
TEST(Rfc6121S2Limit, AFullRosterTakesNobodyIn) {
    auto world = make_world();
    boost::asio::io_context io;
    const auto fill = [&](const char* user) -> boost::asio::awaitable<void> {
        for (std::size_t i = 0; i < session::kMaxRosterItems; ++i) {
            session::RosterItem item;
            item.jid = xmpp::Jid::parse("c" + std::to_string(i) + "@localhost").value();
            co_await world->storage.rosters().put(xmpp::Jid::parse(user).value(), std::move(item), i);
        }
    };
    boost::asio::co_spawn(io, fill("alice@localhost"), boost::asio::detached);
    io.run();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <presence to='carol@localhost' type='subscribe' id='s'/>
        alice/desk receives
            <presence type='error' from='carol@localhost' id='s'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>
        alice/desk sends
            <iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='carol@localhost'/></query></iq>
        alice/desk receives
            <iq type='error' id='r'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <presence to='c7@localhost' type='subscribe' id='known'/>
        alice/desk receives nothing
    )");
}

TEST(SmallServices, DiscoPingTimeVersionAndStun) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='result' id='1' from='localhost'><query xmlns='http://jabber.org/protocol/disco#info'>
              <identity category='server' type='im'/><feature var='urn:xmpp:ping'/><feature var='urn:xmpp:extdisco:2'/>
              <feature var='msgoffline'/></query></iq>
        alice/desk sends
            <iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>
        alice/desk receives
            <iq type='result' id='2'/>
        alice/desk sends
            <iq type='get' id='3' to='localhost'><time xmlns='urn:xmpp:time'/></iq>
        alice/desk receives
            <iq type='result' id='3'><time xmlns='urn:xmpp:time'><tzo/><utc/></time></iq>
        alice/desk sends
            <iq type='get' id='4' to='localhost'><query xmlns='jabber:iq:version'/></iq>
        alice/desk receives
            <iq type='result' id='4'><query xmlns='jabber:iq:version'><name>Carillon</name></query></iq>
        alice/desk sends
            <iq type='get' id='5' to='localhost'><services xmlns='urn:xmpp:extdisco:2' type='stun'/></iq>
        alice/desk receives
            <iq type='result' id='5'><services xmlns='urn:xmpp:extdisco:2' type='stun'/></iq>
        alice/desk sends
            <iq type='get' id='6' to='bob@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='error' id='6' from='bob@localhost'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='get' id='7'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='result' id='7'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='account' type='registered'/></query></iq>
        alice/desk sends
            <iq type='get' id='8' to='localhost'><nonsense xmlns='urn:example:unknown'/></iq>
        alice/desk receives
            <iq type='error' id='8'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

}  // namespace
}  // namespace carillon::scenarios
