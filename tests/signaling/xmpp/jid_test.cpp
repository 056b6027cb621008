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

TEST(Rfc7622S3p1Jid, PartsHaveAtMost1023Octets) {
    const std::string longest(1023, 'a');
    EXPECT_TRUE(Jid::make(longest, "example.com", longest));
    EXPECT_EQ(Jid::make(longest + "a", "example.com").error(), JidError::too_long);
    EXPECT_EQ(Jid::make("a", "example.com", longest + "a").error(), JidError::too_long);
}

}  // namespace
}  // namespace carillon::xmpp
