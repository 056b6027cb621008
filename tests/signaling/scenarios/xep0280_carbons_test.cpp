/// Spec: XEP-0280 1.0.1 (message carbons), XEP-0334 (no-copy).
#include <gtest/gtest.h>

#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

/// Three devices of Alice's: desk and phone with copies, bare without; Bob has one. None has sent presence.
constexpr std::string_view kDevices = R"(
        alice/desk connects
        alice/phone connects
        alice/bare connects
        bob/phone connects
        alice/desk sends
            <iq type='set' id='c1'><enable xmlns='urn:xmpp:carbons:2'/></iq>
        alice/desk receives
            <iq type='result' id='c1'/>
        alice/phone sends
            <iq type='set' id='c1' to='alice@localhost'><enable xmlns='urn:xmpp:carbons:2'/></iq>
        alice/phone receives
            <iq type='result' id='c1'/>
)";

std::string with_devices(std::string_view rest) { return std::string{kDevices} + std::string{rest}; }

TEST(Xep0280S3Disco, ServerTellsOfCopiesAndItsRules) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>
              <feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:carbons:rules:0'/></query></iq>
    )");
}

TEST(Xep0280S4Enable, IsForOneselfAndMayBeRepeated) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/desk sends
            <iq type='set' id='c2'><enable xmlns='urn:xmpp:carbons:2'/></iq>
            <iq type='set' id='c3'><disable xmlns='urn:xmpp:carbons:2'/></iq>
            <iq type='set' id='c4'><disable xmlns='urn:xmpp:carbons:2'/></iq>
            <iq type='set' id='c5' to='bob@localhost'><enable xmlns='urn:xmpp:carbons:2'/></iq>
        alice/desk receives
            <iq type='result' id='c2'/><iq type='result' id='c3'/><iq type='result' id='c4'/>
            <iq type='error' id='c5'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/phone sends
            <message to='bob@localhost/phone' type='chat' id='1'><body>x</body></message>
        bob/phone receives
            <message id='1'/>
        alice/desk receives nothing
    )"));
}

TEST(Xep0280S7Received, GoesToThoseWhoDidNotGetTheMessage) {
    auto world = make_world();
    run(*world, with_devices(R"(
        bob/phone sends
            <message to='alice@localhost/desk' type='chat' id='1'><body>to one</body></message>
        alice/desk receives
            <message from='bob@localhost/phone' id='1'/>
        alice/phone receives
            <message from='alice@localhost' to='alice@localhost/phone' type='chat'><received xmlns='urn:xmpp:carbons:2'>
              <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='bob@localhost/phone' to='alice@localhost/desk' id='1' type='chat'>
                <body>to one</body></message></forwarded></received></message>
        alice/desk receives nothing
        alice/phone receives nothing
        alice/bare receives nothing
        bob/phone receives nothing
    )"));
}

TEST(Xep0280S7Received, ABareAddressIsDeliveredOnceToEach) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence/>
        alice/phone sends
            <presence><priority>-1</priority></presence>
        alice/phone receives
            <presence from='alice@localhost/desk'/><presence from='alice@localhost/phone'/>
        alice/desk receives
            <presence from='alice@localhost/phone'/>
        bob/phone sends
            <message to='alice@localhost' type='chat' id='1'><body>to all</body></message>
            <message to='alice@localhost/gone' type='chat' id='2'><body>to all</body></message>
        alice/desk receives
            <message from='bob@localhost/phone' id='1'/><message from='bob@localhost/phone' id='2'/>
        alice/phone receives
            <message from='alice@localhost'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='1'/></forwarded></received></message>
            <message from='alice@localhost'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='2'/></forwarded></received></message>
        alice/desk receives nothing
        alice/phone receives nothing
    )"));
}

TEST(Xep0280S7Received, WhatIsRefusedIsNotCopied) {
    auto world = make_world();
    run(*world, with_devices(R"(
        bob/phone sends
            <message to='alice@localhost/gone' id='1'><body>normal</body></message>
        bob/phone receives
            <message type='error' id='1'/>
        alice/phone receives nothing
    )"));
}

TEST(Xep0280S8Sent, GoesToTheSendersOtherDevices) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/bare sends
            <message to='bob@localhost/phone' type='chat' id='1'><body>from the one without</body></message>
        bob/phone receives
            <message from='alice@localhost/bare' id='1'/>
        alice/desk receives
            <message from='alice@localhost' to='alice@localhost/desk' type='chat'><sent xmlns='urn:xmpp:carbons:2'>
              <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@localhost/bare' to='bob@localhost/phone' id='1'>
                <body>from the one without</body></message></forwarded></sent></message>
        alice/phone receives
            <message from='alice@localhost' to='alice@localhost/phone'><sent xmlns='urn:xmpp:carbons:2'/></message>
        alice/desk sends
            <message to='bob@localhost/phone' type='chat' id='2'><body>from one with</body></message>
        alice/phone receives
            <message><sent xmlns='urn:xmpp:carbons:2'/></message>
        alice/desk receives nothing
        alice/bare receives nothing
    )"));
}

TEST(Xep0280S8Sent, ToOneselfEverybodyGetsOneOnly) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/desk sends
            <message to='alice@localhost/bare' type='chat' id='1'><body>note</body></message>
        alice/bare receives
            <message from='alice@localhost/desk' id='1'/>
        alice/phone receives
            <message from='alice@localhost'><received xmlns='urn:xmpp:carbons:2'/></message>
        alice/phone receives nothing
        alice/desk receives nothing
    )"));
}

/// What `message` from Bob to the desk brings the phone.
void expect_copy(World& world, const std::string& message, bool copied) {
    run(world,
        with_devices("\n        bob/phone sends\n            " + message +
                     "\n        alice/desk receives\n            <message/>\n" +
                     (copied ? "        alice/phone receives\n            <message from='alice@localhost'><received "
                               "xmlns='urn:xmpp:carbons:2'/></message>\n"
                             : "") +
                     "        alice/phone receives nothing\n"));
}

TEST(Xep0280S6Rules, WhatIsInstantMessagingIsCopied) {
    for (const auto* message : {
             "<message to='alice@localhost/desk' type='chat'/>",
             "<message to='alice@localhost/desk'><body>normal</body></message>",
             "<message to='alice@localhost/desk'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
             "<message to='alice@localhost/desk'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
             "<message to='alice@localhost/desk'><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/></message>",
             "<message to='alice@localhost/desk'><accept xmlns='urn:xmpp:jingle-message:0' id='1'/></message>",
             "<message to='alice@localhost/desk'><x xmlns='jabber:x:conference' jid='r@muc.localhost'/></message>",
             "<message to='alice@localhost/desk'><x "
             "xmlns='http://jabber.org/protocol/muc#user'><invite/></x></message>",
         }) {
        SCOPED_TRACE(message);
        auto world = make_world();
        expect_copy(*world, message, true);
    }
}

TEST(Xep0280S6Rules, TheRestIsNot) {
    for (const auto* message : {
             "<message to='alice@localhost/desk' type='groupchat'><body>x</body></message>",
             "<message to='alice@localhost/desk' type='headline'><body>x</body></message>",
             "<message to='alice@localhost/desk'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>",
             "<message to='alice@localhost/desk' type='chat'><body>x</body><x "
             "xmlns='http://jabber.org/protocol/muc#user'/></message>",
             "<message to='alice@localhost/desk' type='chat'><body>x</body><private "
             "xmlns='urn:xmpp:carbons:2'/></message>",
             "<message to='alice@localhost/desk' type='chat'><body>x</body><no-copy xmlns='urn:xmpp:hints'/></message>",
             "<message to='alice@localhost/desk' type='error' id='unknown'><body>x</body></message>",
         }) {
        SCOPED_TRACE(message);
        auto world = make_world();
        expect_copy(*world, message, false);
    }
}

TEST(Xep0280S6Rules, PrivateMessagesToARoomAndPrivateOnesOfTheSender) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/desk sends
            <message to='bob@localhost/phone' type='chat' id='1'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>
            <message to='bob@localhost/phone' type='chat' id='2'><body>x</body><private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/></message>
        bob/phone receives
            <message id='1'/><message id='2'><private xmlns='urn:xmpp:carbons:2'/></message>
        alice/phone receives
            <message><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='1'/></forwarded></sent></message>
        alice/phone receives nothing
    )"));
}

TEST(Xep0280S6Rules, TheErrorThatAnswersACopiedMessageIsCopied) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/desk sends
            <message to='nobody@localhost' type='chat' id='e1'><body>x</body></message>
        alice/phone receives
            <message><sent xmlns='urn:xmpp:carbons:2'/></message>
        alice/desk receives
            <message type='error' id='e1'/>
        alice/phone receives
            <message from='alice@localhost' type='error'><received xmlns='urn:xmpp:carbons:2'>
              <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='nobody@localhost' type='error' id='e1'/></forwarded></received></message>
        alice/desk sends
            <message to='nobody@localhost' id='e2'><subject>no body</subject></message>
        alice/desk receives
            <message type='error' id='e2'/>
        alice/phone receives nothing
    )"));
}

TEST(Xep0280S9Errors, ABouncedCopyTroublesNobody) {
    auto world = make_world();
    run(*world, with_devices(R"(
        bob/phone sends
            <message to='alice@localhost/desk' type='chat' id='1'><body>x</body></message>
        alice/phone receives
            <message from='alice@localhost'><received xmlns='urn:xmpp:carbons:2'/></message>
        alice/desk receives
            <message id='1'/>
        alice/phone sends
            <message to='alice@localhost' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
        alice/desk receives nothing
        bob/phone receives nothing
        alice/phone receives nothing
    )"));
}

/// A copy is for one device: when that dies with it unacknowledged, nobody else gets it a second way.
TEST(Xep0280S9Errors, ACopyThatADeadDeviceDidNotTakeIsNotDeliveredAgain) {
    auto world = make_world();
    run(*world, with_devices(R"(
        alice/bare sends
            <presence/>
        alice/bare receives
            <presence/>
        alice/phone sends
            <enable xmlns='urn:xmpp:sm:3'/>
        alice/phone receives
            <enabled xmlns='urn:xmpp:sm:3'/>
        bob/phone sends
            <message to='alice@localhost/bare' type='chat' id='1'><body>x</body></message>
        alice/bare receives
            <message id='1'/>
        alice/phone receives
            <message from='alice@localhost'><received xmlns='urn:xmpp:carbons:2'/></message>
        alice/phone disconnects
        alice/phone is gone
        alice/bare receives nothing
    )"));
}

}  // namespace
}  // namespace carillon::scenarios
