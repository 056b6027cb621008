/// Keys told in the signalling: choosing, answering, reading.
#include "media/phone/sdes.h"

#include <gtest/gtest.h>

#include "media/phone/disco.h"
#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

TEST(Rfc4568S5p1p2, TheAnswerHasTheTagOfTheOfferAndAKeyOfItsOwn) {
    const auto offered = make_cryptos();
    const auto own = make_cryptos();
    const auto answer = choose_crypto(own, {offered[1], offered[0]});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->local.tag, offered[1].tag);
    EXPECT_EQ(answer->local.suite, offered[1].suite);
    EXPECT_NE(answer->local.key_params, offered[1].key_params);
    const auto agreed = match_crypto(offered, {answer->local});
    ASSERT_TRUE(agreed);
    const auto here = to_keys(*answer);
    const auto there = to_keys(*agreed);
    ASSERT_TRUE(here && there);
    EXPECT_EQ(here->local, there->remote);
    EXPECT_EQ(here->remote, there->local);
    EXPECT_EQ(here->profile, srtp::Profile::aes128_cm_sha1_80);
}

TEST(Rfc4568S5p1p2, AnAnswerOfAnotherTagOrSuiteIsNone) {
    const auto offered = make_cryptos();
    auto answer = offered[0];
    answer.tag = "9";
    EXPECT_FALSE(match_crypto(offered, {answer}));
    answer = offered[0];
    answer.suite = offered[1].suite;
    EXPECT_FALSE(match_crypto(offered, {answer}));
    EXPECT_FALSE(choose_crypto(offered, {}));
}

TEST(Rfc4568S6p1, KeysThatDoNotFitTheirSuite) {
    const auto own = make_cryptos()[1];
    for (const std::string params :
         {"", "inline:", "inline:AAAA", "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|1:4",
          "clear:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"}) {
        EXPECT_FALSE(to_keys({own, {.tag = "1", .suite = own.suite, .key_params = params}})) << params;
    }
    EXPECT_TRUE(to_keys(
        {own, {.tag = "1", .suite = own.suite, .key_params = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20"}}));
}

TEST(Xep0115, WhatIsNotTakenIsNotAnnounced) {
    const auto plain = disco::info("", {.ice = false, .raw = true, .dtls = false}).to_xml();
    EXPECT_EQ(plain.find(ns::kIceUdp), std::string::npos);
    EXPECT_EQ(plain.find(ns::kDtls), std::string::npos);
    EXPECT_NE(plain.find(ns::kRawUdp), std::string::npos);
    EXPECT_NE(disco::caps({.ice = false}).attribute("ver"), disco::caps().attribute("ver"));
}

}  // namespace
}  // namespace carillon::phone
