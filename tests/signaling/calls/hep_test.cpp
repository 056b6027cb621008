/// HEPv3, octet for octet, and reports.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/json.hpp>

#include "signaling/calls/hep/hep_exporter.h"

namespace carillon::calls::hep {
namespace {

std::string hex(Bytes octets) {
    std::string out;
    for (const auto octet : octets) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        out += kDigits[std::to_integer<std::size_t>(octet) >> 4];
        out += kDigits[std::to_integer<std::size_t>(octet) & 15];
    }
    return out;
}

TEST(Hep3, ChunksAsTheSpecificationHasThem) {
    const auto packet = write({.source = {"192.0.2.1", 5000},
                               .destination = {"192.0.2.2", 30000},
                               .time = std::chrono::microseconds{1'000'002},
                               .protocol = Protocol::xmpp,
                               .agent = 7,
                               .key = "k",
                               .correlation = "sid",
                               .payload = "<iq/>"});
    EXPECT_EQ(hex(packet),
              "48455033"
              "0078"
              "000000010007"
              "02"
              "000000020007"
              "11"
              "00000003000a"
              "c0000201"
              "00000004000a"
              "c0000202"
              "000000070008"
              "1388"
              "000000080008"
              "7530"
              "00000009000a"
              "00000001"
              "0000000a000a"
              "00000002"
              "0000000b0007"
              "02"
              "0000000c000a"
              "00000007"
              "0000000e0007"
              "6b"
              "000000110009"
              "736964"
              "0000000f000b"
              "3c69712f3e");
}

TEST(Hep3, Ipv6AndWhatDoesNotFit) {
    const auto packet = hex(write({.source = {"2001:db8::1", 1}, .destination = {"192.0.2.2", 2}, .payload = "x"}));
    EXPECT_NE(packet.find("0000000100070a"), packet.npos);
    EXPECT_NE(packet.find("00000005001620010db8000000000000000000000001"), packet.npos);
    EXPECT_NE(packet.find("00000006001600000000000000000000ffffc0000202"), packet.npos);
    const std::string long_text(65'400, 'x');
    EXPECT_TRUE(write({.payload = long_text}).empty());
}

TEST(Hep3Endpoint, ReadsAddressesAndNothingElse) {
    EXPECT_EQ(Endpoint::parse("192.0.2.1:5000").port, 5000);
    EXPECT_EQ(Endpoint::parse("[2001:db8::1]:5000").ip, "2001:db8::1");
    for (const auto* text : {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:70000", "host:1",
                             "2001:db8::1:5", "[192.0.2.1]:1", "[]:1"})
        EXPECT_EQ(Endpoint::parse(text).port, 0) << text;
}

TEST(HepExporter, WantsANumericServer) {
    EXPECT_THROW(HepExporter{Settings{.server = "homer.example:9060"}}, std::runtime_error);
    EXPECT_THROW(HepExporter{Settings{.server = "192.0.2.1"}}, std::runtime_error);
}

TEST(HepExporter, CountsWhatNobodyTakes) {
    HepExporter exporter{Settings{.server = "127.0.0.1:9"}};  // discard: nobody listens
    auto stanza = xmpp::Stanza::iq("set", "1", *xmpp::Jid::parse("a@b/c"), *xmpp::Jid::parse("d@b/e"));
    for (int i = 0; i < 50; ++i) exporter.signalled({.id = "1", .sid = "s"}, stanza);
    const auto& counted = exporter.counters();
    EXPECT_EQ(counted.sent + counted.full + counted.failed, 50u);
    stanza.element().add_text(std::string(70'000, 'x'));
    exporter.signalled({.id = "1", .sid = "s"}, stanza);
    EXPECT_EQ(counted.too_large, 1u);
}

TEST(HepReport, SaysWhatTheRelayCounted) {
    SideCounters counters;
    counters.packets = 500;
    counters.expected = 510;
    counters.lost = 10;
    counters.loss = 0.5;
    counters.jitter_ms = 1.234;
    counters.quality.mos = 4.417;
    const auto report =
        boost::json::parse(report_of({.id = "x", .sid = "s"}, "s1", Side::callee, counters)).as_object();
    const auto& block = report.at("report_blocks").at(0);
    EXPECT_EQ(block.at("fraction_lost").as_int64(), 127);
    EXPECT_EQ(block.at("packets_lost").as_int64(), 10);
    EXPECT_EQ(report.at("from").as_string(), "callee");
    EXPECT_EQ(report.at("packets").as_int64(), 500);
    EXPECT_DOUBLE_EQ(report.at("mos").as_double(), 4.42);
}

}  // namespace
}  // namespace carillon::calls::hep
