#include "media/phone/jingle.h"

#include <gtest/gtest.h>

#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

Jingle full_offer() {
    Content content;
    content.name = "audio";
    content.media = "audio";
    content.rtcp_mux = true;
    content.ssrc = "305419896";
    content.payload_types = {{111, "opus", 48000, 2, {{"useinbandfec", "1"}}}, {0, "PCMU", 8000, 1, {}}};
    Candidate host{.foundation = "1", .id = "a", .priority = 2130706431, .ip = "192.0.2.1", .port = 40000};
    Candidate relay = host;
    relay.type = "relay";
    relay.ip = "2001:db8::7";
    relay.rel_addr = "192.0.2.1";
    relay.rel_port = 40000;
    content.transport = TransportInfo{TransportKind::ice_udp,
                                      "ufrag",
                                      "pwd'with<quotes",
                                      DtlsFingerprint{"sha-256", "AB:CD", "actpass"},
                                      {host, relay}};
    Jingle jingle;
    jingle.action = Action::session_initiate;
    jingle.sid = "s1";
    jingle.initiator = "romeo@montague.lit/orchard";
    jingle.contents = {content};
    jingle.bundle = {"audio"};
    return jingle;
}

TEST(Xep0166S7, WhatIsWrittenIsRead) {
    const auto element = to_element(full_offer());
    const auto parsed = parse_jingle(element);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(to_element(*parsed).to_xml(), element.to_xml());
    const auto& transport = *parsed->contents.at(0).transport;
    EXPECT_EQ(transport.pwd, "pwd'with<quotes");
    EXPECT_EQ(transport.fingerprint->setup, "actpass");
    EXPECT_EQ(transport.candidates.at(1).rel_port, 40000);
    EXPECT_EQ(parsed->contents[0].payload_types.at(0).parameters.at(0).second, "1");
    EXPECT_EQ(parsed->bundle, std::vector<std::string>{"audio"});
}

TEST(Xep0166S7, TheXmlIsWhatThePeersExpect) {
    Jingle jingle;
    jingle.action = Action::session_terminate;
    jingle.sid = "a&b";
    jingle.reason = "success";
    jingle.reason_text = "<bye>";
    EXPECT_EQ(to_element(jingle).to_xml(),
              "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='a&amp;b'><reason><success/>"
              "<text>&lt;bye&gt;</text></reason></jingle>");
}

TEST(Xep0177S5, RawUdpCandidatesCarryNothingElse) {
    auto jingle = full_offer();
    auto& transport = *jingle.contents[0].transport;
    transport = TransportInfo{.kind = TransportKind::raw_udp,
                              .candidates = {Candidate{.id = "x", .component = 2, .ip = "192.0.2.1", .port = 9}}};
    const auto xml = to_element(jingle).to_xml();
    EXPECT_NE(xml.find("<candidate component='2' generation='0' id='x' ip='192.0.2.1' port='9'/>"), std::string::npos)
        << xml;
}

TEST(Xep0166S7, RefusesWhatCannotBeMeant) {
    const auto broken = [](auto change) {
        auto jingle = full_offer();
        change(jingle);
        return parse_jingle(to_element(jingle));
    };
    EXPECT_FALSE(broken([](Jingle& j) { j.sid.clear(); }));
    EXPECT_FALSE(broken([](Jingle& j) { j.contents[0].name.clear(); }));
    EXPECT_FALSE(broken([](Jingle& j) { j.contents[0].transport->candidates[0].ip.clear(); }));
    EXPECT_FALSE(broken([](Jingle& j) { j.contents[0].payload_types[0].id = 200; }));
    auto unknown = to_element(full_offer());
    unknown.set("action", "session-dance");
    EXPECT_FALSE(parse_jingle(unknown));
    EXPECT_FALSE(parse_jingle(Element{"jingle", "urn:other"}));
}

TEST(Xep0166S7, ListsAreBounded) {
    auto jingle = full_offer();
    jingle.contents[0].transport->candidates.resize(65, Candidate{.ip = "192.0.2.1", .port = 1});
    EXPECT_EQ(parse_jingle(to_element(jingle)).error(), Errc::too_large);
    jingle = full_offer();
    jingle.contents.resize(17, jingle.contents[0]);
    EXPECT_EQ(parse_jingle(to_element(jingle)).error(), Errc::too_large);
}

TEST(Xep0167S5, ForeignTransportsAreNamedAsSuch) {
    auto element = Element{"jingle", ns::kJingle}.set("action", "session-initiate").set("sid", "s");
    element.add(Element{"content", ns::kJingle}
                    .set("name", "audio")
                    .add(Element{"transport", "urn:xmpp:jingle:transports:s5b:1"}));
    const auto parsed = parse_jingle(element);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->contents[0].foreign_transport);
    EXPECT_FALSE(parsed->contents[0].transport);
}

}  // namespace
}  // namespace carillon::phone
