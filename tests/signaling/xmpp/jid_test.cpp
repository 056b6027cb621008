#include "signaling/xmpp/jid.h"

#include <gtest/gtest.h>

namespace carillon::xmpp {
namespace {

std::string prepared(std::string_view text) {
    const auto jid = Jid::parse(text);
    return jid ? jid->str() : "error";
}

TEST(Rfc7622S3Jid, PartsAreFoundAndPrepared) {
    const auto jid = Jid::parse("Juliet@Example.COM/Balcony@home/1");
    ASSERT_TRUE(jid);
    EXPECT_EQ(jid->str(), "juliet@example.com/Balcony@home/1");
    EXPECT_EQ(jid->node(), "juliet");
    EXPECT_EQ(jid->domain(), "example.com");
    EXPECT_EQ(jid->resource(), "Balcony@home/1");
    EXPECT_TRUE(jid->is_full());
    EXPECT_EQ(jid->bare().str(), "juliet@example.com");
    EXPECT_EQ(jid->domain_jid().str(), "example.com");
    EXPECT_EQ(jid->bare().with_resource("x")->str(), "juliet@example.com/x");
    EXPECT_TRUE(jid->same_bare(*Jid::parse("juliet@example.com/other")));
    EXPECT_FALSE(jid->same_bare(*Jid::parse("juliette@example.com")));
}

// RFC 7622 §3.5, table 1: JIDs that are valid.
TEST(Rfc7622S3p5Jid, TakesTheExamplesOfValidAddresses) {
    for (const std::string text :
         {"juliet@example.com", "juliet@example.com/foo", "juliet@example.com/foo bar", "juliet@example.com/foo@bar",
          "foo\\20bar@example.com", "fussball@example.com", "\xCF\x80@example.com", "king@example.com/\xE2\x99\x9A",
          "example.com", "example.com/foobar", "a.example.com/b@example.net"}) {
        EXPECT_EQ(prepared(text), text);
    }
    EXPECT_EQ(prepared("\xCE\xA3@example.com"), "\xCF\x83@example.com") << "capital sigma is folded";
    EXPECT_EQ(prepared("example.com."), "example.com");
    EXPECT_EQ(prepared("user@[2001:db8::1]"), "user@[2001:db8::1]");
    EXPECT_EQ(prepared("user@192.0.2.1/x"), "user@192.0.2.1/x");
    EXPECT_EQ(prepared("user@b\xC3\xBC"
                       "cher.example"),
              "user@b\xC3\xBC"
              "cher.example");
}

// RFC 7622 §3.5, table 2: strings that are no JIDs.
TEST(Rfc7622S3p5Jid, RefusesTheExamplesOfInvalidAddresses) {
    for (const std::string text : {"\"juliet\"@example.com", "foo bar@example.com", "@example.com/foo", "foobar@", "",
                                   "juliet@example.com/", "henry\xE2\x85\xA3@"}) {
        EXPECT_EQ(prepared(text), "error") << text;
    }
    EXPECT_EQ(prepared("a@exa mple"), "error");
    EXPECT_EQ(prepared("a@-x.example"), "error");
    EXPECT_EQ(prepared("a@b..c"), "error");
    EXPECT_EQ(prepared("a@b/\x01"), "error");
    EXPECT_EQ(prepared("a\xff@b"), "error") << "not UTF-8";
    EXPECT_EQ(prepared("a@b@c"), "error");
    EXPECT_EQ(prepared(std::string("a\0b@c", 5)), "error");
}

// RFC 7622 §3.5, as printed: examples 1 to 14 and 15 to 20.
TEST(Rfc7622S3p5Jid, TheTablesAsPrinted) {
    const std::pair<std::string, std::string> valid[] = {
        {"juliet@example.com", "juliet@example.com"},
        {"juliet@example.com/foo", "juliet@example.com/foo"},
        {"juliet@example.com/foo bar", "juliet@example.com/foo bar"},
        {"juliet@example.com/foo@bar", "juliet@example.com/foo@bar"},
        {"foo\\20bar@example.com", "foo\\20bar@example.com"},
        {"fussball@example.com", "fussball@example.com"},
        {"fu\u00DFball@example.com", "fu\u00DFball@example.com"},
        {"\u03C0@example.com", "\u03C0@example.com"},
        {"\u03A3@example.com/foo", "\u03C3@example.com/foo"},
        {"\u03C3@example.com/foo", "\u03C3@example.com/foo"},
        {"\u03C2@example.com/foo", "\u03C2@example.com/foo"},
        {"king@example.com/\u265A", "king@example.com/\u265A"},
        {"example.com", "example.com"},
        {"example.com/foobar", "example.com/foobar"},
        {"a.example.com/b@example.net", "a.example.com/b@example.net"}};
    for (const auto& [text, expected] : valid) EXPECT_EQ(prepared(text), expected);
    for (const std::string text :
         {"\"juliet\"@example.com", "foo bar@example.com", "juliet@example.com/", "@example.com",
          "henry\u2163@example.com", "\u265A@example.com", "juliet@", "/foobar"}) {
        EXPECT_EQ(prepared(text), "error") << text;
    }
}

// RFC 8265 §3.3, §3.5.
TEST(Rfc8265S3p3Localpart, IsMappedAndJudgedByCharacter) {
    EXPECT_EQ(prepared("\uFF2A\uFF35lie\uFF54@example.com"), "juliet@example.com") << "full-width letters";
    EXPECT_EQ(prepared("\uFF20@example.com"), "error") << "a full-width @ is an @";
    EXPECT_EQ(prepared("\uFF0Fx@example.com"), "error");
    EXPECT_EQ(prepared("A\u030Angstrom@example.com"), "\u00E5ngstrom@example.com") << "composed";
    EXPECT_EQ(prepared("\u212Bngstrom@example.com"), "\u00E5ngstrom@example.com") << "ANGSTROM SIGN";
    EXPECT_EQ(prepared("\u00B2@example.com"), "error") << "superscript two";
    EXPECT_EQ(prepared("\uFB01@example.com"), "error") << "a ligature";
    EXPECT_EQ(prepared("a\u200B@example.com"), "error") << "zero-width space";
    EXPECT_EQ(prepared("a\u200D@example.com"), "error") << "zero-width joiner after no virama";
    EXPECT_NE(prepared("\u0915\u094D\u200D\u0937@example.com"), "error") << "and after one";
    EXPECT_EQ(prepared("a\u00AD@example.com"), "error") << "soft hyphen";
    EXPECT_EQ(prepared("a\u0378@example.com"), "error") << "not assigned";
    EXPECT_EQ(prepared("a\uE000@example.com"), "error") << "private use";
    EXPECT_EQ(prepared("l\u00B7l@example.com"), "l\u00B7l@example.com");
    EXPECT_EQ(prepared("a\u00B7l@example.com"), "error");
    EXPECT_EQ(prepared("\U0001D400@example.com"), "error") << "mathematical bold A";
    EXPECT_EQ(prepared("\u0130@example.com"), "i\u0307@example.com");
}

// RFC 5893 §2.
TEST(Rfc5893S2Localpart, ObeysTheBidiRule) {
    EXPECT_NE(prepared("\u05D0\u05D1@example.com"), "error");
    EXPECT_NE(prepared("\u05D01@example.com"), "error");
    EXPECT_EQ(prepared("1\u05D0@example.com"), "error") << "condition 1";
    EXPECT_EQ(prepared("\u05D0a@example.com"), "error") << "condition 2";
    EXPECT_EQ(prepared("a\u05D0@example.com"), "error") << "condition 5";
    EXPECT_EQ(prepared("\u06271\u0661@example.com"), "error") << "condition 4: two kinds of digits";
}

// RFC 8265 §4.2.
TEST(Rfc8265S4p2Resourcepart, KeepsCaseAndSymbols) {
    EXPECT_EQ(prepared("a@b/Foo\u00A0bar"), "a@b/Foo bar") << "any space is a plain one";
    EXPECT_EQ(prepared("a@b/\u265A\uFF21"), "a@b/\u265A\uFF21") << "width stays";
    EXPECT_EQ(prepared("a@b/\u2163"), "a@b/\u2163");
    EXPECT_EQ(prepared("a@b/e\u0301"), "a@b/\u00E9");
    EXPECT_EQ(prepared("a@b/x\u200B"), "error");
    EXPECT_EQ(prepared("a@b/x\u0085"), "error");
    EXPECT_EQ(prepared("a@b/\U0001F600"), "a@b/\U0001F600");
}

// RFC 7622 §3.2, RFC 5890 to 5895.
TEST(Rfc7622S3p2Domainpart, IsOneInWhateverForm) {
    const std::string books = "b\u00FCcher.example";
    EXPECT_EQ(prepared("xn--bcher-kva.example"), books) << "an A-label is its U-label";
    EXPECT_EQ(prepared("XN--BCHER-KVA.Example"), books);
    EXPECT_EQ(prepared("B\u00DCCHER.example"), books);
    EXPECT_EQ(prepared("bu\u0308cher.example"), books) << "composed";
    EXPECT_EQ(prepared("b\u00FCcher\u3002example"), books) << "an ideographic full stop";
    EXPECT_EQ(prepared("b\u00FCcher.example."), books);
    EXPECT_EQ(prepared("stra\u00DFe.example"), "stra\u00DFe.example") << "IDNA2008 keeps the sharp s";
    EXPECT_EQ(prepared("xn--a.example"), "error") << "no such A-label";
    EXPECT_EQ(prepared("\u265A.example"), "error") << "no symbols in IDNA2008";
    EXPECT_EQ(prepared("a\u05D0.example"), "error") << "bidi";
    EXPECT_EQ(prepared("example.com.."), "error");
    EXPECT_EQ(prepared("."), "error");
    EXPECT_EQ(prepared("user@[2001:DB8:0:0::1]"), "user@[2001:db8::1]") << "RFC 5952";
    EXPECT_EQ(prepared("user@[2001:db8::g]"), "error");
    EXPECT_EQ(prepared("user@[192.0.2.1]"), "error");
    EXPECT_EQ(prepared(std::string(64, 'a') + ".example"), "error") << "a label has at most 63 octets";
}

TEST(Rfc7622S3p1Jid, PreparationMayLengthen) {
    std::string many;
    for (int i = 0; i < 511; ++i) many += "\u00FC";
    EXPECT_TRUE(Jid::make(many, "example.com"));
    EXPECT_EQ(Jid::make(many + "\u00FC", "example.com").error(), JidError::too_long);
}

TEST(Rfc7622S3p1Jid, PartsHaveAtMost1023Octets) {
    const std::string longest(1023, 'a');
    EXPECT_TRUE(Jid::make(longest, "example.com", longest));
    EXPECT_EQ(Jid::make(longest + "a", "example.com").error(), JidError::too_long);
    EXPECT_EQ(Jid::make("a", "example.com", longest + "a").error(), JidError::too_long);
}

}  // namespace
}  // namespace carillon::xmpp
