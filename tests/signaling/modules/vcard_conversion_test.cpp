#include <gtest/gtest.h>

#include "signaling/modules/vcard/conversion.h"
#include "signaling/modules/vcard/photo.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules::vcards {
namespace {

xml::Element parse(const std::string& text) { return xml::parse_document(text).value(); }

// After XEP-0054 example 2.
constexpr const char* kTempCard =
    "<vCard xmlns='vcard-temp'><FN>Peter "
    "Saint-Andre</FN><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/></N>"
    "<NICKNAME>stpeter</NICKNAME><URL>http://www.xmpp.org/xsf/people/stpeter.shtml</URL><BDAY>1966-08-06</BDAY>"
    "<ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT>Board</ORGUNIT></ORG><TITLE>Executive Director</TITLE>"
    "<TEL><WORK/><VOICE/><NUMBER>303-308-3282</NUMBER></TEL>"
    "<ADR><WORK/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET><LOCALITY>Denver</LOCALITY>"
    "<REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR><EMAIL><INTERNET/><PREF/><USERID>stpeter@jabber.org"
    "</USERID></EMAIL><JABBERID>stpeter@jabber.org</JABBERID><PHOTO><BINVAL>YWJj</BINVAL></PHOTO></vCard>";

TEST(Xep0292Conversion, SaysTheSameTheNewWay) {
    const auto card = to_vcard4(parse(kTempCard));
    EXPECT_TRUE(card.is("vcard", kVcard4));
    EXPECT_EQ(card.child("fn")->child_text("text"), "Peter Saint-Andre");
    EXPECT_EQ(card.child("n")->child_text("surname"), "Saint-Andre");
    EXPECT_EQ(card.child("n")->child("additional"), nullptr) << "what is empty is not said";
    EXPECT_EQ(card.child("bday")->child_text("date"), "1966-08-06");
    EXPECT_EQ(card.child("impp")->child_text("uri"), "xmpp:stpeter@jabber.org");
    EXPECT_EQ(card.child("tel")->child_text("uri"), "tel:303-308-3282");
    EXPECT_EQ(card.child("tel")->child("parameters")->child("type")->children().size(), 2u);
    EXPECT_EQ(card.child("org")->children().size(), 2u);
    EXPECT_EQ(card.child("adr")->child_text("code"), "80202");
    EXPECT_EQ(card.child("email")->child_text("text"), "stpeter@jabber.org");
}

TEST(Xep0292Conversion, ThereAndBackIsTheSame) {
    const auto card = to_vcard4(parse(kTempCard));
    const auto back = merge_vcard4(xml::Element{"vCard", kTemp}, card);
    EXPECT_EQ(to_vcard4(back), card);
    EXPECT_EQ(back.child("ORG")->child_text("ORGUNIT"), "Board");
    EXPECT_EQ(back.child_text("JABBERID"), "stpeter@jabber.org");
    EXPECT_TRUE(back.child("TEL")->child("WORK"));
}

TEST(Xep0292Conversion, WhatHasNoPlaceThereStays) {
    const auto merged = merge_vcard4(parse(kTempCard),
                                     parse("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Pete</text></fn>"
                                           "<unheard-of><text>x</text></unheard-of></vcard>"));
    EXPECT_EQ(merged.child_text("FN"), "Pete");
    EXPECT_EQ(merged.child("TITLE"), nullptr);
    EXPECT_TRUE(merged.child("PHOTO"));
    EXPECT_EQ(merged.child("unheard-of"), nullptr);
}

TEST(Xep0153S3Photo, IsHashedByItsOctets) {
    // SHA-1 of "abc", FIPS 180-4; the base64 broken into lines as some clients do.
    const auto photo =
        photo_of(parse("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>\n YW\r\n Jj </BINVAL></PHOTO></vCard>"));
    ASSERT_TRUE(photo);
    EXPECT_EQ(photo->octets, "abc");
    EXPECT_EQ(photo->hash, "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(avatar_metadata(*photo).child("info")->attribute("bytes"), "3");
    EXPECT_EQ(photo_of_avatar(avatar_data(*photo), "image/png")->hash, photo->hash);
}

TEST(Xep0153S3Photo, WhatCannotBeReadIsNone) {
    for (const auto* inside : {"", "<PHOTO/>", "<PHOTO><BINVAL/></PHOTO>", "<PHOTO><BINVAL>***</BINVAL></PHOTO>",
                               "<PHOTO><EXTVAL>http://x/</EXTVAL></PHOTO>"})
        EXPECT_FALSE(photo_of(parse("<vCard xmlns='vcard-temp'>" + std::string{inside} + "</vCard>"))) << inside;
}

TEST(Xep0398S4Presence, WhoShowsNoPictureOnPurposeIsLeftAlone) {
    const auto after = [](const std::string& inside) {
        auto presence = parse("<presence xmlns='jabber:client'>" + inside + "</presence>");
        announce_photo(presence, "hash");
        const auto* update = presence.child("x", "vcard-temp:x:update");
        return update && update->child("photo") ? update->child("photo")->text() : std::string{"none"};
    };
    EXPECT_EQ(after(""), "hash");
    EXPECT_EQ(after("<x xmlns='vcard-temp:x:update'/>"), "hash");
    EXPECT_EQ(after("<x xmlns='vcard-temp:x:update'><photo>old</photo></x>"), "hash");
    EXPECT_EQ(after("<x xmlns='vcard-temp:x:update'><photo/></x>"), "");
}

}  // namespace
}  // namespace carillon::modules::vcards
