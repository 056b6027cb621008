#include "signaling/net/proxy_header.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using namespace std::string_literals;

std::string source_of(std::string_view octets) {
    const auto header = ProxyHeader::parse(octets);
    if (!header) return "error";
    if (!*header) return "more";
    return (*header)->source ? (*header)->source->to_string() : "none";
}

std::string binary(char command, char family, std::string_view rest) {
    std::string out = "\r\n\r\n\0\r\nQUIT\n"s;
    out += {static_cast<char>(0x20 | command), family};
    out += {static_cast<char>(rest.size() >> 8), static_cast<char>(rest.size() & 0xff)};
    return out.append(rest);
}

TEST(ProxyProtocolS2p1, ReadsTheLine) {
    EXPECT_EQ(source_of("PROXY TCP4 192.0.2.7 198.51.100.1 56324 5222\r\n<?xml"), "192.0.2.7");
    EXPECT_EQ(source_of("PROXY TCP6 2001:db8::7 2001:db8::1 56324 5222\r\n"), "2001:db8::7");
    EXPECT_EQ(source_of("PROXY UNKNOWN\r\n"), "none");
    EXPECT_EQ(source_of("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), "none");
    EXPECT_EQ((*ProxyHeader::parse("PROXY UNKNOWN\r\nabc"))->size, 15u);
}

TEST(ProxyProtocolS2p1, NeedsTheWholeLine) {
    const std::string line = "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
    for (std::size_t i = 0; i < line.size(); ++i) EXPECT_EQ(source_of(line.substr(0, i)), "more") << i;
    EXPECT_EQ(source_of(line), "255.255.255.255");
}

TEST(ProxyProtocolS2p1, RefusesOthers) {
    for (const auto* text :
         {"GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", "PROXY TCP4 a b 1 2\r\n",
          "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
          "PROXY TCP4 192.0.2.7 192.0.2.8 70000 2\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n",
          "PROXY TCP4 192.0.2.7  192.0.2.8 1 2\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n", "proxy UNKNOWN\r\n"}) {
        EXPECT_EQ(source_of(text), "error") << text;
    }
    EXPECT_EQ(source_of("PROXY UNKNOWN " + std::string(120, 'x')), "error");
    EXPECT_EQ(source_of("PROXY UNKNOWN " + std::string(120, 'x') + "\r\n"), "error");
}

TEST(ProxyProtocolS2p2, ReadsTheBinaryHeader) {
    EXPECT_EQ(source_of(binary(1, 0x11, "\xC0\x00\x02\x07\xC6\x33\x64\x01\xDC\x04\x14\x66"s)), "192.0.2.7");
    const auto v6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"s + std::string(16, '\0') + "\xDC\x04\x14\x66"s;
    EXPECT_EQ(source_of(binary(1, 0x21, v6)), "2001:db8::7");
    EXPECT_EQ(source_of(binary(1, 0x21, v6 + "\x04\0\x01x"s)), "2001:db8::7") << "with an extension";
    EXPECT_EQ(source_of(binary(0, 0, "")), "none") << "LOCAL";
    EXPECT_EQ(source_of(binary(1, 0, "")), "none") << "UNSPEC";
    EXPECT_EQ(source_of(binary(1, 0x31, std::string(216, '\0'))), "none") << "a Unix socket";
}

TEST(ProxyProtocolS2p2, NeedsTheWholeHeaderAndRefusesOthers) {
    const auto whole = binary(1, 0x11, "\xC0\x00\x02\x07\xC6\x33\x64\x01\xDC\x04\x14\x66"s);
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(source_of(whole.substr(0, i)), "more") << i;
    EXPECT_EQ(source_of(binary(2, 0x11, std::string(12, '\0'))), "error");
    EXPECT_EQ(source_of(binary(1, 0x11, std::string(11, '\0'))), "error");
    EXPECT_EQ(source_of(binary(1, 0x21, std::string(35, '\0'))), "error");
    EXPECT_EQ(source_of(binary(1, 0x41, std::string(35, '\0'))), "error");
    EXPECT_EQ(source_of(binary(1, 0x11, std::string(60'000, '\0'))), "error");
    EXPECT_EQ(source_of("\r\n\r\nGET"), "error");
}

TEST(AddressList, HoldsAddressesAndNetworks) {
    const auto list = AddressList::parse({"192.0.2.7", "10.16.0.0/12", "2001:db8::/33"});
    ASSERT_TRUE(list);
    const auto holds = [&](const char* text) { return list->contains(boost::asio::ip::make_address(text)); };
    EXPECT_TRUE(holds("192.0.2.7"));
    EXPECT_FALSE(holds("192.0.2.8"));
    EXPECT_TRUE(holds("10.31.255.255"));
    EXPECT_FALSE(holds("10.32.0.0"));
    EXPECT_TRUE(holds("2001:db8:7fff::1"));
    EXPECT_FALSE(holds("2001:db8:8000::1"));
    EXPECT_TRUE(holds("::ffff:192.0.2.7"));
    for (const auto* text : {"x", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/a", ""})
        EXPECT_FALSE(AddressList::parse({text}));
}

}  // namespace
}  // namespace carillon::net
