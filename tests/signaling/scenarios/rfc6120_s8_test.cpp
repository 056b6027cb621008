/// Spec: RFC 6120 §8 (stanzas), §10 (server rules).
#include <gtest/gtest.h>

#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules.push_back(echo_module());
    return std::make_unique<World>(std::move(options));
}

TEST(Rfc6120S8p1p2From, IsStampedAndAcceptedOnlyIfItIsOnesOwn) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <message to='bob@localhost/phone' from='alice@localhost' id='1'/>
            <message to='bob@localhost/phone' from='alice@localhost/desk' id='2'/>
        bob/phone receives
            <message from='alice@localhost/desk' id='1'/><message from='alice@localhost/desk' id='2'/>
        alice/desk sends
            <message to='bob@localhost/phone' from='carol@localhost' id='3'/>
        alice/desk is closed with invalid-from
        bob/phone receives nothing
    )");
}

TEST(Rfc6120S8p2p3Iq, NeedsIdKnownTypeAndOnePayload) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq to='localhost' type='get' id='1'/>
            <iq to='localhost' type='get' id='2'><a xmlns='urn:example:a'/><b xmlns='urn:example:b'/></iq>
            <iq to='localhost' type='strange' id='3'><a xmlns='urn:example:a'/></iq>
        alice/desk receives
            <iq type='error' id='1'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='2'/><iq type='error' id='3'/>
        alice/desk sends
            <iq to='localhost' type='get'><echo xmlns='urn:example:echo'/></iq>
        alice/desk receives
            <iq type='error'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq to='localhost' type='result' id='4'/><iq to='localhost' type='error' id='5'/>
        alice/desk receives nothing
    )");
}

TEST(Rfc6120S8p2p3Iq, HostAnswersThroughModulesOrSaysServiceUnavailable) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq to='localhost' type='get' id='1'><echo xmlns='urn:example:echo'>a</echo></iq>
            <iq to='localhost' type='set' id='2'><echo xmlns='urn:example:echo'>b</echo></iq>
            <iq to='localhost' type='get' id='3'><throw xmlns='urn:example:echo'/></iq>
            <iq to='localhost' type='get' id='4'><unknown xmlns='urn:example:echo'/></iq>
        alice/desk receives
            <iq from='localhost' type='result' id='1'><echo xmlns='urn:example:echo'>a</echo></iq>
            <iq from='localhost' type='result' id='2'><echo xmlns='urn:example:echo'>b</echo></iq>
            <iq type='error' id='3'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='4'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(Rfc6120S10p3NoTo, MessageIsForOnesOwnAccount) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/phone connects
        alice/phone sends
            <presence/>
        alice/phone receives nothing
        alice/desk sends
            <message id='1' type='chat'><body>note</body></message>
        alice/phone receives
            <message id='1' from='alice@localhost/desk' to='alice@localhost'/>
    )");
}

TEST(Rfc6120S10p4RemoteDomain, IsNotFound) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='juliet@capulet.example' id='1'/>
            <iq to='capulet.example' type='get' id='2'><a xmlns='urn:example:a'/></iq>
        alice/desk receives
            <message from='juliet@capulet.example' type='error' id='1'>
              <error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
            <iq from='capulet.example' type='error' id='2'/>
    )");
}

TEST(Rfc6120S8p3p3p8JidMalformed, IsToldToTheSender) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <message to='@localhost' id='1'/>
        alice/desk receives
            <message id='1' type='error'><error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
    )");
}

TEST(Rfc6120S10p1Order, ManyStanzasArriveInOrderAcrossShards) {
    WorldOptions options;
    options.shards = 4;
    options.modules.push_back(echo_module());
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    constexpr int kCount = 2000;
    for (const auto* user : {"bob", "carol", "dave"}) {
        auto receiver = world.log_in(user, "phone");
        std::string burst;
        for (int i = 0; i < kCount; ++i) {
            // Every tenth is answered by an asynchronous handler first; order holds all the same.
            if (i % 200 == 0) burst += "<iq type='set' id='x'><echo xmlns='urn:example:echo'/></iq>";
            burst += "<message to='" + std::string{user} + "@localhost/phone' id='" + std::to_string(i) + "'/>";
        }
        alice->send(burst);
        for (int i = 0; i < kCount; ++i) {
            const auto got = receiver->expect_element();
            ASSERT_EQ(got.attribute("id"), std::to_string(i));
        }
    }
}

}  // namespace
}  // namespace carillon::scenarios
