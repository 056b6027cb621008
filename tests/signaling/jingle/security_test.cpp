/// Keys as Jingle tells them.
#include "signaling/jingle/security.h"

#include <gtest/gtest.h>

#include "tests/signaling/jingle/xml_text.h"

namespace carillon::jingle {
namespace {

using test::parse_xml;

// RFC 4568 §9.1's example key.
constexpr auto kKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
constexpr auto kSuite = "AES_CM_128_HMAC_SHA1_80";

TEST(Rfc4568S6p1, InlineKeyWithLifetimeAndMki) {
    const auto key = parse_inline(std::string{"inline:"} + kKey + "|2^20|1:4", kSuite);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->key_and_salt.size(), 30u);
    EXPECT_EQ(key->mki, (std::vector<std::byte>{{}, {}, {}, std::byte{1}}));
    EXPECT_TRUE(parse_inline(std::string{"inline:"} + kKey + "|1048576", kSuite)->mki.empty());
    EXPECT_EQ(write_inline(key->key_and_salt), std::string{"inline:"} + kKey);
}

TEST(Rfc4568S6p1, KeysThatCannotBeUsed) {
    const auto usable = [](std::string_view text, std::string_view suite = kSuite) {
        return parse_inline(text, suite).has_value();
    };
    EXPECT_FALSE(usable(""));
    EXPECT_FALSE(usable("inline:"));
    EXPECT_FALSE(usable("inline:AAAA")) << "too short";
    EXPECT_FALSE(usable(std::string{"inline:"} + kKey, "AEAD_AES_256_GCM"));
    EXPECT_FALSE(usable(std::string{"inline:"} + kKey, "NULL_HMAC_SHA1_80"));
    EXPECT_FALSE(usable(std::string{"inline:"} + kKey + "|1:0"));
    EXPECT_FALSE(usable(std::string{"inline:"} + kKey + "|1:129"));
    EXPECT_FALSE(usable(std::string{"inline:"} + kKey + "|1:4;inline:" + kKey + "|2:4"));
    EXPECT_FALSE(usable("inline:!!!!fX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"));
}

TEST(Xep0167S7, OnlyCryptosThatCanBeObeyedCount) {
    const std::string key = std::string{"' key-params='inline:"} + kKey + "' crypto-suite='" + kSuite + "'";
    const auto description = parse_xml(
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1'><encryption>"
        "<crypto tag='1" +
        key +
        " session-params='UNENCRYPTED_SRTP'/>"
        "<crypto tag='2" +
        key +
        " session-params='-WSH=64'/>"
        "<crypto tag='3' crypto-suite='F8_128_HMAC_SHA1_80' key-params='inline:AAAA'/>"
        "<crypto tag='" +
        key + "/></encryption></description>");
    const auto cryptos = parse_encryption(description);
    ASSERT_EQ(cryptos.size(), 1u);
    EXPECT_EQ(cryptos[0].tag, "2");
}

TEST(Xep0320S2, FingerprintThatProvesSomething) {
    const auto transport = parse_xml(
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'>"
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-1' setup='active'>00</fingerprint>"
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='SHA-256' setup='actpass'>\n  AB:CD\n</fingerprint>"
        "</transport>");
    const auto fingerprint = parse_fingerprint(transport);
    ASSERT_TRUE(fingerprint);
    EXPECT_EQ(fingerprint->hash, "sha-256");
    EXPECT_EQ(fingerprint->value, "AB:CD");
    EXPECT_EQ(fingerprint->setup, "actpass");
}

}  // namespace
}  // namespace carillon::jingle
