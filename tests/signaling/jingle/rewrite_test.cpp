#include "signaling/jingle/rewrite.h"

#include <gtest/gtest.h>

#include "signaling/jingle/jingle.h"
#include "tests/signaling/jingle/samples.h"
#include "tests/signaling/jingle/xml_text.h"

namespace carillon::jingle {
namespace {

using test::flatten;
using test::parse_xml;

const std::vector<RelayAddress> kRelay{{1, "192.0.2.200", 30000}, {2, "192.0.2.200", 30001}, {1, "2001:db8::5", 30000}};

TEST(Xep0176Rewrite, AddsRelayCandidatesBelowAllOthers) {
    auto element = parse_xml(test::browser_initiate("s"));
    add_relay_candidates(*find_transport(element, "initiator", "0"), kRelay, "0");
    const auto jingle = parse(element);
    ASSERT_TRUE(jingle);
    const auto& candidates = jingle->contents[0].transport.candidates;
    ASSERT_EQ(candidates.size(), 7u);
    EXPECT_EQ(candidates[4].type, CandidateType::relay);
    EXPECT_EQ(candidates[4].ip, "192.0.2.200");
    EXPECT_EQ(candidates[4].port, 30000);
    EXPECT_EQ(candidates[4].rel_addr, "0.0.0.0");
    EXPECT_EQ(candidates[5].component, 2u);
    EXPECT_EQ(candidates[6].rel_addr, "::");
    EXPECT_EQ(jingle->contents[1].transport.candidates.size(), 4u) << "the other content stays";
    EXPECT_LT(relay_priority(1, 0), 1u << 24) << "type preference 0";
    EXPECT_GT(relay_priority(1, 0), relay_priority(2, 0));
    EXPECT_GT(relay_priority(1, 0), relay_priority(1, 1));
}

TEST(Xep0176Rewrite, RemovesEveryAddress) {
    auto element = parse_xml(test::browser_initiate("s"));
    EXPECT_EQ(remove_candidates(element), 8u);
    const auto text = flatten(element);
    for (const auto* address : {"198.51.100.77", "2001:db8:77", "203.0.113.9", ".local", "rel-addr"})
        EXPECT_EQ(text.find(address), text.npos) << address;
    EXPECT_NE(text.find("02:1A:CC"), text.npos) << "fingerprints pass";
    EXPECT_NE(text.find("n0Fb"), text.npos) << "credentials pass";
}

TEST(Xep0176Rewrite, RemovesCandidatesOfUnknownTransportsButNotSocks5Proxies) {
    auto element = parse_xml(test::jingle(
        "transport-info", "s",
        test::content("a",
                      "<transport xmlns='urn:example:other'><deep><candidate address='192.0.2.1'/></deep>"
                      "</transport>") +
            test::content("b",
                          "<transport xmlns='urn:xmpp:jingle:transports:s5b:1'>"
                          "<candidate host='192.0.2.2' type='direct'/><candidate host='192.0.2.3' type='proxy'/>"
                          "</transport>")));
    EXPECT_EQ(remove_candidates(element), 2u);
    EXPECT_EQ(flatten(element).find("192.0.2.1"), std::string::npos);
    EXPECT_NE(flatten(element).find("192.0.2.3"), std::string::npos);
}

TEST(Xep0177Rewrite, PutsRelayPortsInPlace) {
    const auto text = test::raw_session("session-initiate", "s", "10.1.1.104", 13540);
    auto element = parse_xml(text);
    const auto said = parse(element)->contents[0].transport.candidates;
    replace_raw_candidates(*find_transport(element, "initiator", "voice"), said, kRelay);
    const auto after = parse(element)->contents[0].transport.candidates;
    ASSERT_EQ(after.size(), 2u);
    EXPECT_EQ(after[0].ip, "192.0.2.200");
    EXPECT_EQ(after[0].port, 30000);
    EXPECT_EQ(after[0].id, "raw1");
    EXPECT_EQ(after[1].port, 30001);
    EXPECT_EQ(flatten(element).find("10.1.1.104"), std::string::npos);
}

TEST(Xep0177Rewrite, GivesNoMoreComponentsThanSaid) {
    auto element = parse_xml(test::raw_session("session-accept", "s", "10.1.1.104", 13540));
    auto said = parse(element)->contents[0].transport.candidates;
    said.pop_back();
    replace_raw_candidates(*find_transport(element, "initiator", "voice"), said, kRelay);
    EXPECT_EQ(parse(element)->contents[0].transport.candidates.size(), 1u);
}

}  // namespace
}  // namespace carillon::jingle
