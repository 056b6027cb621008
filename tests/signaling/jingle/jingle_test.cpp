#include "signaling/jingle/jingle.h"

#include <gtest/gtest.h>

#include "signaling/jingle/build.h"
#include "tests/signaling/jingle/samples.h"
#include "tests/signaling/jingle/xml_text.h"

namespace carillon::jingle {
namespace {

using test::parse_xml;

TEST(Xep0166Parse, ReadsABrowsersAudioAndVideoOffer) {
    const auto text = test::browser_initiate("a73sjjvkla37jfea");
    EXPECT_GT(text.size(), 9000u);  // such an offer is a large stanza
    const auto jingle = parse(parse_xml(text));
    ASSERT_TRUE(jingle);
    EXPECT_EQ(jingle->action, Action::session_initiate);
    EXPECT_EQ(jingle->sid, "a73sjjvkla37jfea");
    EXPECT_EQ(jingle->initiator, "romeo@montague.example/orchard");
    ASSERT_EQ(jingle->contents.size(), 2u);
    const auto& audio = jingle->contents[0];
    EXPECT_EQ(audio.name, "0");
    EXPECT_EQ(audio.media, "audio");
    EXPECT_TRUE(audio.is_rtp);
    EXPECT_TRUE(audio.rtcp_mux);
    EXPECT_EQ(audio.transport.kind, TransportKind::ice_udp);
    EXPECT_EQ(audio.transport.ice, (IceCredentials{"n0Fb", "2TTLxYPhQ9bBvVvpH8mJhSrv"}));
    EXPECT_TRUE(audio.transport.has_fingerprint);
    ASSERT_EQ(audio.transport.candidates.size(), 4u);
    EXPECT_TRUE(audio.transport.candidates[0].is_mdns());
    EXPECT_EQ(audio.transport.candidates[1].type, CandidateType::srflx);
    EXPECT_EQ(audio.transport.candidates[1].rel_addr, "198.51.100.77");
    EXPECT_FALSE(audio.transport.has_component(2));
    ASSERT_NE(jingle->bundle(), nullptr);
    EXPECT_EQ(jingle->bundle()->contents, (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(describe_codecs(jingle->contents), "opus/48000/2, VP8/90000");
}

TEST(Xep0177Parse, ReadsBothComponents) {
    const auto jingle = parse(parse_xml(test::raw_session("session-initiate", "s", "10.1.1.104", 13540)));
    ASSERT_TRUE(jingle);
    const auto& transport = jingle->contents.at(0).transport;
    EXPECT_EQ(transport.kind, TransportKind::raw_udp);
    ASSERT_EQ(transport.candidates.size(), 2u);
    EXPECT_EQ(transport.candidates[1].port, 13541);
    EXPECT_EQ(describe_codecs(jingle->contents), "PCMA/8000");
}

TEST(Xep0166Parse, ReadsReasonAndRinging) {
    const auto end = parse(parse_xml(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s'><reason><decline/><text>Later</text>"
        "</reason></jingle>"));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->reason.condition, "decline");
    EXPECT_EQ(end->reason.text, "Later");
    const auto info =
        parse(parse_xml("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'>"
                        "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/></jingle>"));
    ASSERT_TRUE(info);
    EXPECT_TRUE(info->ringing);
}

TEST(Xep0166Parse, RefusesWhatHasNoMeaning) {
    EXPECT_EQ(parse(parse_xml("<jingle xmlns='urn:xmpp:jingle:1' sid='s'/>")).error(), Errc::bad_value);
    EXPECT_EQ(parse(parse_xml("<jingle xmlns='urn:xmpp:jingle:1' action='session-info'/>")).error(), Errc::bad_value);
    EXPECT_EQ(parse(parse_xml("<jingle xmlns='other' action='session-info' sid='s'/>")).error(), Errc::bad_magic);
    EXPECT_EQ(parse(parse_xml(test::jingle("content-add", "s", "<content creator='initiator'/>"))).error(),
              Errc::bad_value);
}

TEST(Xep0166Parse, KeepsLimits) {
    std::string contents;
    for (int i = 0; i < 17; ++i) contents += test::content("c" + std::to_string(i), "");
    EXPECT_EQ(parse(parse_xml(test::jingle("session-initiate", "s", contents))).error(), Errc::too_large);
    std::string candidates;
    for (int i = 0; i < 65; ++i) candidates += test::browser_candidate(i, "192.0.2.1", 4000 + i, "host");
    EXPECT_EQ(parse(parse_xml(test::transport_info("s", "0", "u", "p", candidates))).error(), Errc::too_large);
}

TEST(Xep0176Parse, PassesOverBadCandidates) {
    const auto jingle = parse(parse_xml(test::transport_info(
        "s", "0", "u", "p",
        "<candidate ip='192.0.2.1' port='70000' component='1'/><candidate port='1' component='1'/>"
        "<candidate ip='192.0.2.1' port='5000' component='x'/><candidate ip='192.0.2.2' port='5000' component='1'/>")));
    ASSERT_TRUE(jingle);
    ASSERT_EQ(jingle->contents[0].transport.candidates.size(), 1u);
    EXPECT_EQ(jingle->contents[0].transport.candidates[0].ip, "192.0.2.2");
}

TEST(Xep0166Build, TerminateParsesBack) {
    const auto parsed = parse(make_terminate("s1", "romeo@montague.example/orchard", {"timeout", "no answer"}));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->action, Action::session_terminate);
    EXPECT_EQ(parsed->reason.condition, "timeout");
    EXPECT_EQ(parsed->reason.text, "no answer");
    EXPECT_EQ(parse(make_terminate("s1", "", {"operator", ""}))->reason.condition, "general-error");
}

}  // namespace
}  // namespace carillon::jingle
