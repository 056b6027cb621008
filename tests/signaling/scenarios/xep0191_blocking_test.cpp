/// Spec: XEP-0191 1.3 (blocking command), XEP-0377 (reports).
#include <gtest/gtest.h>

#include "signaling/calls/module.h"
#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    options.modules.push_back(calls::calls_module());
    return std::make_unique<World>(std::move(options));
}

/// Bob sees Alice, Alice sees Bob.
void befriend(World& world) {
    const auto alice = xmpp::Jid::parse("alice@localhost").value();
    const auto bob = xmpp::Jid::parse("bob@localhost").value();
    world.storage.set_contact(alice, {.jid = bob, .to = true, .from = true});
    world.storage.set_contact(bob, {.jid = alice, .to = true, .from = true});
}

constexpr std::string_view kOnline = R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
)";
constexpr std::string_view kBlockBob = R"(
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
)";
/// What the blocked sees.
constexpr std::string_view kRefused =
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

std::string text(std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const auto part : parts) all += part;
    return all;
}

TEST(Xep0191S3p1List, IsEmptyFirstThenHoldsWhatWasBlocked) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:blocking'/><feature var='urn:xmpp:reporting:1'/></query></iq>
        alice/desk sends
            <iq type='get' id='l1'><blocklist xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives
            <iq type='result' id='l1'><blocklist xmlns='urn:xmpp:blocking'/></iq>
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='Bob@localhost'/><item jid='spam.example'/></block></iq>
        alice/desk receives
            <iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/><item jid='spam.example'/></block></iq>
            <iq type='result' id='b'/>
        alice/desk sends
            <iq type='get' id='l2'><blocklist xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives
            <iq type='result' id='l2'><blocklist xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/><item jid='spam.example'/></blocklist></iq>
    )");
}

TEST(Xep0191S3p1List, IsItsOwnersAlone) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1' to='bob@localhost'><blocklist xmlns='urn:xmpp:blocking'/></iq>
            <iq type='set' id='2' to='bob@localhost'><block xmlns='urn:xmpp:blocking'><item jid='carol@localhost'/></block></iq>
            <iq type='set' id='3' to='bob@localhost'><unblock xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives
            <iq type='error' id='1'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='2'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='3'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='4'><block xmlns='urn:xmpp:blocking'/></iq>
            <iq type='set' id='5'><block xmlns='urn:xmpp:blocking'><item jid='@@'/></block></iq>
            <iq type='set' id='6'><block xmlns='urn:xmpp:blocking'><item/></block></iq>
        alice/desk receives
            <iq type='error' id='4'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='5'><error><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='6'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(Xep0191S3p2Block, ThoseWhoAskedForTheListAreTold) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/phone connects
        alice/phone sends
            <iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>
        alice/phone receives
            <iq type='result' id='l'/>
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        alice/phone receives
            <iq type='set' to='alice@localhost/phone' from='{none}'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
        alice/desk sends
            <iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives
            <iq type='result' id='u'/>
        alice/phone receives
            <iq type='set' to='alice@localhost/phone'><unblock xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives nothing
    )");
}

TEST(Xep0191S3p2Inbound, TheUserSeemsNotToBeThere) {
    auto world = make_world();
    run(*world, text({kOnline, kBlockBob, R"(
        bob/phone sends
            <message to='alice@localhost' type='chat' id='m1'><body>x</body></message>
            <message to='alice@localhost/desk' type='chat' id='m2'><body>x</body></message>
            <message to='alice@localhost/desk' type='error' id='m3'/>
            <iq to='alice@localhost/desk' type='get' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>
            <iq to='alice@localhost' type='get' id='i2'><ping xmlns='urn:xmpp:ping'/></iq>
            <iq to='alice@localhost/desk' type='result' id='i3'/>
            <presence to='alice@localhost' type='subscribe'/><presence to='alice@localhost/desk'/>
            <presence to='alice@localhost' type='probe'/>
        bob/phone receives
            <message type='error' id='m1' from='alice@localhost'>)",
                      kRefused, R"(</message>
            <message type='error' id='m2'>)",
                      kRefused, R"(</message>
            <iq type='error' id='i1'>)",
                      kRefused, R"(</iq><iq type='error' id='i2'>)", kRefused, R"(</iq>
        bob/phone receives nothing
        alice/desk receives nothing
    )"}));
}

TEST(Xep0191S3p2Outbound, IsNotAcceptable) {
    auto world = make_world();
    constexpr std::string_view kBlocked =
        "<error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        "<blocked xmlns='urn:xmpp:blocking:errors'/></error>";
    run(*world, text({kOnline, kBlockBob, R"(
        alice/desk sends
            <message to='bob@localhost' type='chat' id='m1'><body>x</body></message>
            <iq to='bob@localhost/phone' type='get' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>
            <presence to='bob@localhost' type='subscribe' id='p1'/><presence to='bob@localhost/phone' id='p2'/>
            <iq to='bob@localhost/phone' type='set' id='j1'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s' initiator='alice@localhost/desk'/></iq>
            <message to='bob@localhost' type='error' id='m2'/>
        alice/desk receives
            <message type='error' id='m1' from='bob@localhost'>)",
                      kBlocked, R"(</message>
            <iq type='error' id='i1'>)",
                      kBlocked, R"(</iq><presence type='error' id='p1'>)", kBlocked, R"(</presence>
            <presence type='error' id='p2'>)",
                      kBlocked, R"(</presence><iq type='error' id='j1'>)", kBlocked, R"(</iq>
        alice/desk receives nothing
        bob/phone receives nothing
    )"}));
}

TEST(Xep0191S3p2Calls, InvitationsAndSessionsOfTheBlockedAreRefused) {
    auto world = make_world();
    run(*world, text({kOnline, kBlockBob, R"(
        bob/phone sends
            <message to='alice@localhost' type='chat' id='p'><propose xmlns='urn:xmpp:jingle-message:0' id='c'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>
        bob/phone receives
            <message type='error' id='p'>)",
                      kRefused, R"(</message>
        bob/phone sends
            <iq to='alice@localhost/desk' type='set' id='j'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s' initiator='bob@localhost/phone'>
              <content creator='initiator' name='a'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='0' name='PCMU'/></description>
                <transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/></content></jingle></iq>
        bob/phone receives
            <iq type='error' id='j'>)",
                      kRefused, R"(</iq>
        alice/desk receives nothing
    )"}));
}

TEST(Xep0191S3p2Presence, TheBlockedSeesUnavailableAndNothingAfter) {
    auto world = make_world();
    befriend(*world);
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/><presence from='bob@localhost' type='unavailable'/>
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/><presence from='alice@localhost/desk'/>
        alice/desk receives
            <presence from='bob@localhost/phone'/>
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        bob/phone receives
            <presence from='alice@localhost/desk' to='bob@localhost' type='unavailable'/>
        alice/desk sends
            <presence><show>away</show></presence>
        alice/desk receives
            <presence from='alice@localhost/desk'><show>away</show></presence>
        bob/phone sends
            <presence><show>dnd</show></presence>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        bob/phone receives nothing
        alice/desk receives nothing
        alice/desk sends
            <iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></unblock></iq>
        alice/desk receives
            <iq type='result' id='u'/><presence from='bob@localhost/phone'><show>dnd</show></presence>
        bob/phone receives
            <presence from='alice@localhost/desk'><show>away</show></presence>
        bob/phone sends
            <message to='alice@localhost' type='chat' id='m'><body>again</body></message>
        alice/desk receives
            <message id='m'/>
        alice/desk receives nothing
        bob/phone receives nothing
    )");
}

TEST(Xep0191S3p2Presence, LoggingInAndOutTellsTheBlockedNothing) {
    auto world = make_world();
    befriend(*world);
    world->storage.block("alice@localhost", "bob@localhost");
    run(*world, R"(
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        alice/desk connects
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        bob/phone receives nothing
        alice/desk receives nothing
        alice/desk disconnects
        alice/desk is gone
        bob/phone receives nothing
    )");
}

TEST(Xep0191S3p2Presence, DirectedPresenceIsTakenBack) {
    auto world = make_world();
    run(*world, text({kOnline, R"(
        alice/desk sends
            <presence to='bob@localhost/phone'/>
        bob/phone receives
            <presence from='alice@localhost/desk'/>
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost/phone'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        bob/phone receives
            <presence from='alice@localhost/desk' to='bob@localhost/phone' type='unavailable'/>
        alice/desk closes
        bob/phone receives nothing
    )"}));
}

TEST(Xep0191S5Matching, AFullAddressIsThatResourceADomainAllOfIt) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        bob/desk connects
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost/phone'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        bob/phone sends
            <message to='alice@localhost/desk' id='1' type='chat'/>
        bob/phone receives
            <message type='error' id='1'/>
        bob/desk sends
            <message to='alice@localhost/desk' id='2' type='chat'/>
        alice/desk receives
            <message id='2'/>
        alice/desk sends
            <iq type='set' id='c'><block xmlns='urn:xmpp:blocking'><item jid='localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='c'/>
        bob/desk sends
            <message to='alice@localhost/desk' id='3' type='chat'/>
        bob/desk receives
            <message type='error' id='3'/>
        alice/desk sends
            <iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>
        alice/desk receives
            <iq type='result' id='p' from='localhost'/>
    )");
}

TEST(Xep0191S3p4Own, DevicesOfOneUserAreNeverKeptApart) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/phone connects
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='alice@localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        alice/desk sends
            <message to='alice@localhost/phone' id='1' type='chat'/>
        alice/phone receives
            <message id='1'/>
    )");
}

TEST(Xep0191S3p2Inbound, NothingIsStoredOrCopied) {
    auto world = make_world();
    run(*world, R"(
        bob/phone connects
        bob/phone sends
            <message to='alice@localhost' type='chat' id='early'><body>stored before</body></message>
        bob/phone receives nothing
        alice/desk connects
        alice/phone connects
        alice/phone sends
            <iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>
        alice/phone receives
            <iq type='result' id='c'/>
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        bob/phone sends
            <message to='alice@localhost' type='chat' id='late'><body>x</body></message>
            <message to='alice@localhost/desk' type='chat' id='direct'><body>x</body></message>
        bob/phone receives
            <message type='error' id='late'/><message type='error' id='direct'/>
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        alice/desk receives nothing
        alice/phone receives nothing
    )");
}

TEST(Xep0377Report, ABlockWithAReportIsABlock) {
    auto world = make_world();
    testing::internal::CaptureStderr();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'>
              <report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>never &quot;again&quot;</text>
                <stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='77'/></report></item>
              <item jid='carol@localhost'><report xmlns='urn:xmpp:reporting:1'/></item></block></iq>
        alice/desk receives
            <iq type='result' id='b'/>
        alice/desk sends
            <iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>
        alice/desk receives
            <iq type='result' id='l'><blocklist xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/><item jid='carol@localhost'/></blocklist></iq>
    )");
    const auto log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("reason=spam reported=bob@localhost by=alice@localhost messages=77"), std::string::npos) << log;
    EXPECT_EQ(log.find("reported=carol"), std::string::npos) << "a report has a reason";
    EXPECT_EQ(world->host->counters().at("module.blocking.reports"), 1u);
}

}  // namespace
}  // namespace carillon::scenarios
