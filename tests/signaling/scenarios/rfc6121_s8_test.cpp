/// Spec: RFC 6121 §8 (server rules for processing XML stanzas).
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world(bool keeper = false) {
    WorldOptions options;
    options.modules.push_back(echo_module());
    if (keeper) options.modules.push_back(keeper_module());
    return std::make_unique<World>(std::move(options));
}

TEST(Rfc6121S8p5p1NoSuchUser, MessageAndIqAreRefusedPresenceIsDropped) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>
        alice/desk receives
            <message from='nobody@localhost' to='alice@localhost/desk' id='m1' type='error'>
              <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
        alice/desk sends
            <iq to='nobody@localhost/phone' id='i1' type='get'><echo xmlns='urn:example:echo'/></iq>
        alice/desk receives
            <iq from='nobody@localhost/phone' id='i1' type='error'>
              <error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <presence to='nobody@localhost' type='subscribe'/><presence to='nobody@localhost'/>
            <message to='nobody@localhost' type='error' id='m2'/>
        alice/desk receives nothing
        alice/desk sends
            <presence to='nobody@localhost' type='probe'/>
        alice/desk receives nothing
    )");
}

TEST(Rfc6121S8p5p2BareJid, ChatGoesToEveryNonNegativeResource) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        bob/desk connects
        bob/silent connects
        bob/negative connects
        bob/phone sends
            <presence/>
        bob/desk sends
            <presence><priority>5</priority></presence>
        bob/negative sends
            <presence><priority>-1</priority></presence>
        bob/silent receives nothing
        alice/desk sends
            <message to='bob@localhost' type='chat'><body>to all</body></message>
        bob/phone receives
            <message from='alice@localhost/desk' to='bob@localhost'><body>to all</body></message>
        bob/desk receives
            <message from='alice@localhost/desk'><body>to all</body></message>
        bob/negative receives nothing
        bob/silent receives nothing
    )");
}

TEST(Rfc6121S8p5p2BareJid, GroupchatIsRefusedErrorDroppedHeadlineDelivered) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives nothing
        alice/desk sends
            <message to='bob@localhost' type='groupchat' id='g'/><message to='bob@localhost' type='error' id='e'/>
            <message to='bob@localhost' type='headline' id='h'/>
        alice/desk receives
            <message type='error' id='g'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
        bob/phone receives
            <message type='headline' id='h'/>
        bob/phone receives nothing
    )");
}

TEST(Rfc6121S8p5p2p2NobodyAvailable, WithoutAKeeperTheSenderIsTold) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='bob@localhost' id='1'><body>x</body></message>
            <message to='bob@localhost' id='2' type='headline'/>
        alice/desk receives
            <message id='1' type='error' from='bob@localhost'/>
        alice/desk receives nothing
    )");
}

TEST(Rfc6121S8p5p2p2NobodyAvailable, KeptMessagesComeInOrderBeforeLaterOnes) {
    auto world = make_world(true);
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <message to='bob@localhost' id='1'><body>1</body></message>
            <message to='bob@localhost/gone' type='chat' id='2'><body>2</body></message>
        bob/phone receives nothing
        bob/phone sends
            <presence/>
        bob/phone receives
            <message id='1'/><message id='2'/>
        alice/desk sends
            <message to='bob@localhost' id='3'><body>3</body></message>
        bob/phone receives
            <message id='3'/>
        alice/desk receives nothing
    )");
}

TEST(Rfc6121S8p5p3FullJid, ExistingResourceGetsEverythingEvenWhenNegativeOrSilent) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence><priority>-5</priority></presence>
        bob/phone receives nothing
        alice/desk sends
            <message to='bob@localhost/phone' type='groupchat' id='1'/><presence to='bob@localhost/phone'/>
            <iq to='bob@localhost/phone' type='get' id='2'><x xmlns='urn:example:x'/></iq>
        bob/phone receives
            <message id='1' from='alice@localhost/desk'/><presence from='alice@localhost/desk'/>
            <iq id='2' from='alice@localhost/desk'><x xmlns='urn:example:x'/></iq>
        bob/phone sends
            <iq to='alice@localhost/desk' type='result' id='2'/>
        alice/desk receives
            <iq from='bob@localhost/phone' type='result' id='2'/>
    )");
}

TEST(Rfc6121S8p5p3p2NoSuchResource, ByKindAndType) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives nothing
        alice/desk sends
            <message to='bob@localhost/gone' type='chat' id='c'/>
        bob/phone receives
            <message id='c' to='bob@localhost/gone'/>
        alice/desk sends
            <message to='bob@localhost/gone' id='n'/>
        alice/desk receives
            <message id='n' type='error' from='bob@localhost/gone'/>
        alice/desk sends
            <iq to='bob@localhost/gone' type='set' id='i'><x xmlns='urn:example:x'/></iq>
        alice/desk receives
            <iq id='i' type='error' from='bob@localhost/gone'>
              <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq to='bob@localhost/gone' type='result' id='r'/><presence to='bob@localhost/gone'/>
            <message to='bob@localhost/gone' type='headline'/>
        alice/desk receives nothing
        bob/phone receives nothing
    )");
}

TEST(Rfc6121S8p5p2p1p3Iq, BareJidIsAnsweredForTheAccount) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <iq to='bob@localhost' type='get' id='1'><echo xmlns='urn:example:echo'>hello</echo></iq>
        alice/desk receives
            <iq from='bob@localhost' type='result' id='1'><echo xmlns='urn:example:echo'>hello</echo></iq>
        alice/desk sends
            <iq to='bob@localhost' type='get' id='2'><unknown xmlns='urn:example:x'/></iq>
        alice/desk receives
            <iq from='bob@localhost' type='error' id='2'>
              <error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='3'><echo xmlns='urn:example:echo'/></iq>
            <iq type='get' id='4'><echo xmlns='urn:example:echo'/></iq>
        alice/desk receives
            <iq type='result' id='3' from='{none}'/><iq type='result' id='4'/>
        bob/phone receives nothing
    )");
}

}  // namespace
}  // namespace carillon::scenarios
