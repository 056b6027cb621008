/// HEPv3, octet for octet, and reports.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/json.hpp>

#include "signaling/calls/hep/hep_exporter.h"
#include "signaling/calls/hep/rtcp_json.h"

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

std::vector<std::byte> octets(std::initializer_list<std::uint32_t> words) {
    ByteWriter out;
    for (const auto word : words) out.u32(word);
    return out.release();
}

TEST(HepRtcp, SaysWhatAnEndReports) {
    const auto compound =
        octets({0x81C8'000C, 7,           0x83AA'7E80, 0x8000'0000, 1600,        50, 8000,  // SR, SSRC 7
                9,           0x40FF'FFFE, 0x0001'0005, 33,          4,           5,         // about SSRC 9
                0x81CA'0004, 7,           0x0107'6D65, 0x4068'6572, 0x6500'0000,            // SDES
                0x80CF'0006, 7,           0x0700'0004, 9,           0x1002'0304,            // XR, VoIP metrics
                0x0005'0006, 0x0007'0008});
    const auto said = rtcp_json(compound);
    ASSERT_TRUE(said);
    const boost::json::value json = *said;
    EXPECT_EQ(json.at("type"), 200);
    EXPECT_EQ(json.at("ssrc"), 7);
    EXPECT_EQ(json.at("sender_information").at("packets"), 50);
    EXPECT_EQ(json.at("sender_information").at("ntp_timestamp_sec").to_number<std::uint32_t>(), 0x83AA'7E80u);
    const auto& block = json.at("report_blocks").at(0);
    EXPECT_EQ(block.at("source_ssrc"), 9);
    EXPECT_EQ(block.at("fraction_lost"), 64);
    EXPECT_EQ(block.at("packets_lost"), -2);
    EXPECT_EQ(block.at("highest_seq_no"), 0x0001'0005);
    EXPECT_EQ(block.at("ia_jitter"), 33);
    EXPECT_EQ(json.at("sdes_information").at(0).at("text"), "me@here");
    EXPECT_EQ(json.at("report_blocks_xr").at("fraction_lost"), 16);
    EXPECT_EQ(json.at("report_blocks_xr").at("round_trip_delay"), 7);
}

TEST(HepRtcp, WhatIsNoReportOrDamagedIsNotTold) {
    EXPECT_FALSE(rtcp_json(octets({0x81CE'0002, 7, 9}))) << "feedback alone";
    EXPECT_FALSE(rtcp_json({}));
    const auto whole =
        octets({0x82C8'000C, 7, 1, 2, 3, 4, 5, 9, 0, 0, 0, 0, 0, 0x81CA'0004, 7, 0x01FF'6D65, 0x4068'6572, 0});
    for (std::size_t size = 0; size <= whole.size(); ++size)
        for (std::size_t at = 0; at < size; ++at) {
            auto damaged = whole;
            damaged.resize(size);
            damaged[at] ^= std::byte{0xFF};
            rtcp_json(damaged);
        }
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
