#include "signaling/bytestreams/socks5.h"

#include <gtest/gtest.h>

namespace carillon::bytestreams {
namespace {

using namespace std::string_literals;

const std::string kName = "972b7bf47291ca609517f67f86b5081086052dad";  // XEP-0065 example 24

std::string request_for(std::string_view name) {
    return "\x05\x01\x00\x03"s + static_cast<char>(name.size()) + std::string{name} + "\x00\x00"s;
}

TEST(Rfc1928S3Greeting, ComesInPieces) {
    const auto whole = "\x05\x02\x02\x00"s;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto parsed = parse_greeting(std::string_view{whole}.substr(0, size));
        ASSERT_TRUE(parsed) << size;
        EXPECT_FALSE(*parsed) << size;
    }
    const auto parsed = parse_greeting(whole + "rest");
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_TRUE((*parsed)->value);
    EXPECT_EQ((*parsed)->used, 4u);
}

TEST(Rfc1928S3Greeting, WithoutTheMethodWeKnow) {
    const auto parsed = parse_greeting("\x05\x01\x02"s);
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_FALSE((*parsed)->value);
    EXPECT_FALSE((*parse_greeting("\x05\x00"s))->value);
}

TEST(Rfc1928S3Greeting, OtherVersionsAreNotAnswered) {
    for (const auto& text : {"\x04\x01"s, "GET / HTTP/1.1"s, "\x00"s}) EXPECT_FALSE(parse_greeting(text)) << text;
}

TEST(Xep0065S7p2p4Request, TheNameOfTheStandard) {
    const auto whole = request_for(kName);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto parsed = parse_request(std::string_view{whole}.substr(0, size));
        ASSERT_TRUE(parsed) << size;
        EXPECT_FALSE(*parsed) << size;
    }
    const auto parsed = parse_request(whole + "x");
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_EQ((*parsed)->value, kName);
    EXPECT_EQ((*parsed)->used, whole.size());
}

TEST(Xep0065S7p2p4Request, UpperCaseIsTheSameName) {
    auto upper = kName;
    for (auto& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ((*parse_request(request_for(upper)))->value, kName);
}

TEST(Rfc1928S6Replies, WhatIsNotMeantForUs) {
    EXPECT_EQ(parse_request("\x05\x02\x00\x03\x28"s).error(), refused(kNoSuchCommand)) << "BIND";
    EXPECT_EQ(parse_request("\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"s).error(), refused(kNoSuchAddressType));
    EXPECT_EQ(parse_request(request_for("example.org")).error(), refused(kNotAllowed)) << "no open proxy";
    EXPECT_EQ(parse_request(request_for(std::string(40, 'x'))).error(), refused(kNotAllowed));
    EXPECT_TRUE(parse_request("\x04"s).error().empty());
    EXPECT_EQ(granted(kName), "\x05\x00\x00\x03\x28"s + kName + "\x00\x00"s);
    EXPECT_EQ(refused(2), "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"s);
}

}  // namespace
}  // namespace carillon::bytestreams
