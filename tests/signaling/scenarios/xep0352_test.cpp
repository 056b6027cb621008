/// Spec: XEP-0352 (client state indication).
#include <gtest/gtest.h>

#include "signaling/stream/client_state.h"
#include "signaling/xml/stream_parser.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using stream::Urgency;

Urgency urgency(std::string_view text, std::string_view nick = {}) {
    return stream::urgency_of(xml::parse_document(text).value(), "alice@example.org", nick);
}

TEST(Xep0352Urgency, CallsMessagesAndAnswersPass) {
    EXPECT_EQ(urgency("<message type='chat'><body>hi</body></message>"), Urgency::now);
    EXPECT_EQ(urgency("<message><propose xmlns='urn:xmpp:jingle-message:0' id='1'/></message>"), Urgency::now);
    EXPECT_EQ(urgency("<iq type='set'><jingle xmlns='urn:xmpp:jingle:1'/></iq>"), Urgency::now);
    EXPECT_EQ(urgency("<presence type='subscribe'/>"), Urgency::now);
    EXPECT_EQ(urgency("<message type='error'/>"), Urgency::now);
    EXPECT_EQ(urgency("<message type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>"),
              Urgency::now);
    EXPECT_EQ(urgency("<message type='chat'><received xmlns='urn:xmpp:receipts' id='1'/></message>"), Urgency::now);
}

TEST(Xep0352Urgency, PresenceAndTypingWait) {
    EXPECT_EQ(urgency("<presence from='bob@x/y'/>"), Urgency::latest_only);
    EXPECT_EQ(urgency("<presence type='unavailable' from='bob@x/y'/>"), Urgency::latest_only);
    EXPECT_EQ(urgency("<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"),
              Urgency::latest_only);
    EXPECT_EQ(urgency("<message><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>"), Urgency::later);
}

TEST(Xep0352Urgency, InRoomsOnlyMentionsPass) {
    EXPECT_EQ(urgency("<message type='groupchat'><body>hello all</body></message>", "Ally"), Urgency::later);
    EXPECT_EQ(urgency("<message type='groupchat'><body>ally: look</body></message>", "Ally"), Urgency::now);
    EXPECT_EQ(urgency("<message type='groupchat'><body>ask Alice</body></message>"), Urgency::now);
    EXPECT_EQ(urgency("<message type='groupchat'><body>x</body><reference xmlns='urn:xmpp:reference:0' type='mention' "
                      "uri='xmpp:alice@example.org'/></message>"),
              Urgency::now);
    EXPECT_EQ(urgency("<presence><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>"),
              Urgency::now);
}

TEST(Xep0352ClientState, HeldStanzasComeInOrderBeforeWhatMatters) {
    World world;
    run(world, R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives nothing
        bob/phone sends
            <inactive xmlns='urn:xmpp:csi:0'/>
        bob/phone receives nothing
        alice/desk sends
            <presence to='bob@localhost/phone'><show>away</show></presence>
            <message type='chat' to='bob@localhost/phone'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
            <presence to='bob@localhost/phone'><show>dnd</show></presence>
        alice/desk receives nothing
        alice/desk sends
            <message type='chat' to='bob@localhost/phone' id='1'><body>hello</body></message>
        bob/phone receives
            <message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
        bob/phone receives
            <presence from='alice@localhost/desk'><show>dnd</show></presence>
        bob/phone receives
            <message id='1'/>
        alice/desk sends
            <presence to='bob@localhost/phone'><show>xa</show></presence>
        alice/desk receives nothing
        bob/phone sends
            <active xmlns='urn:xmpp:csi:0'/>
        bob/phone receives
            <presence from='alice@localhost/desk'><show>xa</show></presence>
        alice/desk sends
            <presence to='bob@localhost/phone'><show>chat</show></presence>
        bob/phone receives
            <presence from='alice@localhost/desk'><show>chat</show></presence>
    )");
}

TEST(Xep0352ClientState, WhatIsHeldIsBounded) {
    stream::ClientState state;
    state.set_active(false);
    std::size_t held = 0;
    for (int i = 0; i < 2000; ++i) {
        auto presence = xml::parse_document("<presence/>").value();
        presence.set("from", "bob@x/" + std::to_string(i));
        if (state.hold(presence, "alice@example.org")) ++held;
    }
    EXPECT_EQ(held, stream::ClientState::kMaxHeld);
    EXPECT_EQ(state.release().size(), held);
    EXPECT_FALSE(state.holds_any());
}

}  // namespace
}  // namespace carillon::scenarios
