#include "signaling/modules/caps/hash_set.h"

#include <gtest/gtest.h>

#include "signaling/xml/stream_parser.h"

namespace carillon::modules {
namespace {

std::optional<std::string> hash(std::string_view content) {
    return caps_hash(
        xml::parse_document("<query xmlns='http://jabber.org/protocol/disco#info'>" + std::string{content} + "</query>")
            .value());
}

TEST(Xep0390S4p1Hash, TheSimpleExample) {
    EXPECT_EQ(
        hash("<identity category='client' name='BombusMod' type='mobile'/>"
             "<feature var='http://jabber.org/protocol/si'/><feature var='http://jabber.org/protocol/bytestreams'/>"
             "<feature var='http://jabber.org/protocol/chatstates'/>"
             "<feature var='http://jabber.org/protocol/disco#info'/>"
             "<feature var='http://jabber.org/protocol/disco#items'/><feature var='urn:xmpp:ping'/>"
             "<feature var='jabber:iq:time'/><feature var='jabber:iq:privacy'/><feature var='jabber:iq:version'/>"
             "<feature var='http://jabber.org/protocol/rosterx'/><feature var='urn:xmpp:time'/>"
             "<feature var='jabber:x:oob'/><feature var='http://jabber.org/protocol/ibb'/>"
             "<feature var='http://jabber.org/protocol/si/profile/file-transfer'/>"
             "<feature var='urn:xmpp:receipts'/><feature var='jabber:iq:roster'/><feature var='jabber:iq:last'/>"),
        "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=");
}

TEST(Xep0390S4p1Hash, TheOrderOfTheAnswerDoesNotMatter) {
    const auto form = [](std::string_view fields) {
        return "<x xmlns='jabber:x:data' type='result'>" + std::string{fields} + "</x>";
    };
    constexpr std::string_view kType = "<field var='FORM_TYPE' type='hidden'><value>a</value></field>";
    const std::string a = "<field var='a'><value>1</value><value>2</value></field>";
    const std::string b = "<field var='a'><value>2</value><value>1</value></field>";
    const auto first = hash("<feature var='x'/><feature var='y'/>" + form(kType.data() + a));
    ASSERT_TRUE(first);
    EXPECT_EQ(first, hash(form(b + kType.data()) + "<feature var='y'/><feature var='x'/>"));
    EXPECT_NE(first, hash("<feature var='x'/>" + form(kType.data() + a)));
}

TEST(Xep0390S4p1Hash, WhatTheAlgorithmRefuses) {
    EXPECT_EQ(hash("<other/>"), std::nullopt);
    EXPECT_EQ(hash("<x xmlns='jabber:x:data'><field var='a'><value>1</value></field></x>"), std::nullopt);
    EXPECT_EQ(hash("<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>1</value></field>"
                   "<reported/></x>"),
              std::nullopt);
}

TEST(Xep0390S4p3Node, HashAndNodeGoTogether) {
    EXPECT_EQ(hash_node("abc="), "urn:xmpp:caps#sha-256.abc=");
    EXPECT_EQ(hash_set("abc=").child_text("hash", kHashes), "abc=");
}

}  // namespace
}  // namespace carillon::modules
