#include "signaling/modules/archive/rules.h"

#include <gtest/gtest.h>

#include "signaling/xml/stream_parser.h"

namespace carillon::modules {
namespace {

bool worth(std::string_view content, std::string_view type = "chat") {
    auto element = xml::parse_document("<message xmlns='jabber:client' type='" + std::string{type} + "'>" +
                                       std::string{content} + "</message>");
    return worth_archiving(xmpp::Stanza::parse(std::move(element.value())).value());
}

TEST(Xep0313S6p1Rules, BodiesOfChatAndNormal) {
    EXPECT_TRUE(worth("<body>hello</body>"));
    EXPECT_TRUE(worth("<body>hello</body>", "normal"));
    EXPECT_TRUE(worth("<body>hello</body>", "unknown")) << "RFC 6121 §5.2.2: normal";
    for (const auto* type : {"error", "headline", "groupchat"}) EXPECT_FALSE(worth("<body>hello</body>", type));
    EXPECT_FALSE(worth(""));
    EXPECT_FALSE(worth("<subject>s</subject>"));
    EXPECT_FALSE(worth("<composing xmlns='http://jabber.org/protocol/chatstates'/>"));
    EXPECT_FALSE(worth("<body xmlns='http://www.w3.org/1999/xhtml'>hello</body>"));
    EXPECT_FALSE(worth("<event xmlns='http://jabber.org/protocol/pubsub#event'/>"));
}

TEST(Xep0334Hints, Decide) {
    EXPECT_FALSE(worth("<body>hello</body><no-store xmlns='urn:xmpp:hints'/>"));
    EXPECT_FALSE(worth("<store xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/>"));
    EXPECT_TRUE(worth("<store xmlns='urn:xmpp:hints'/>"));
    EXPECT_TRUE(worth("<body>hello</body><no-copy xmlns='urn:xmpp:hints'/>"));
    EXPECT_FALSE(worth("<store xmlns='urn:xmpp:hints'/>", "error"));
}

TEST(Xep0313S6p1Rules, CallsReceiptsAndMarkers) {
    for (const auto* name : {"propose", "proceed", "accept", "reject", "retract", "finish"}) {
        EXPECT_TRUE(worth("<" + std::string{name} + " xmlns='urn:xmpp:jingle-message:0' id='c'/>"));
        EXPECT_TRUE(worth("<" + std::string{name} + " xmlns='urn:xmpp:jingle-message:1' id='c'/>", "normal"));
    }
    EXPECT_TRUE(worth("<invite xmlns='urn:xmpp:call-invites:0'/>"));
    EXPECT_TRUE(worth("<received xmlns='urn:xmpp:receipts' id='1'/>"));
    EXPECT_FALSE(worth("<request xmlns='urn:xmpp:receipts'/>"));
    EXPECT_TRUE(worth("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"));
    EXPECT_FALSE(worth("<markable xmlns='urn:xmpp:chat-markers:0'/>"));
    EXPECT_TRUE(worth("<encrypted xmlns='eu.siacs.conversations.axolotl'/>"));
    EXPECT_TRUE(worth("<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>"));
    EXPECT_FALSE(worth("<x xmlns='http://jabber.org/protocol/muc#user'/>"));
}

}  // namespace
}  // namespace carillon::modules
