#include <gtest/gtest.h>

#include "media/phone/disco.h"
#include "media/phone/external_services.h"
#include "media/phone/jingle_message.h"
#include "media/phone/namespaces.h"
#include "media/phone/summary.h"

namespace carillon::phone {
namespace {

TEST(Xep0353, EveryMessageIsReadAsItWasWritten) {
    using Kind = JingleMessage::Kind;
    for (const auto kind :
         {Kind::propose, Kind::ringing, Kind::proceed, Kind::accept, Kind::reject, Kind::retract, Kind::finish}) {
        auto message = jingle_message(kind, "id1", "juliet@capulet.lit");
        message.set("from", "romeo@montague.lit/orchard");
        const auto parsed = parse_jingle_message(message);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->kind, kind);
        EXPECT_EQ(parsed->id, "id1");
        EXPECT_TRUE(parsed->audio);
    }
    EXPECT_FALSE(parse_jingle_message(Element{"message", ns::kClient}));
    EXPECT_FALSE(parse_jingle_message(jingle_message(Kind::propose, "", "x@y")));
}

TEST(Xep0353, ARejectionMaySayWhy) {
    const auto parsed = parse_jingle_message(jingle_message(JingleMessage::Kind::reject, "1", "x@y", "busy"));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->reason, "busy");
}

TEST(Xep0353, AProposalOfVideoAloneIsNotAudio) {
    Element message{"message", ns::kClient};
    message.add(Element{"propose", ns::kJingleMessage}.set("id", "1").add(
        Element{"description", ns::kRtp}.set("media", "video")));
    EXPECT_FALSE(parse_jingle_message(message)->audio);
}

TEST(Xep0030, NamesWhatOtherClientsLookFor) {
    const auto xml = disco::info("").to_xml();
    for (const auto feature : {ns::kJingle, ns::kIceUdp, ns::kRtp, ns::kDtls, ns::kRtpAudio, ns::kJingleMessage}) {
        EXPECT_NE(xml.find("var='" + std::string{feature} + "'"), std::string::npos) << feature;
    }
    EXPECT_EQ(disco::info("n#v").attribute("node"), "n#v");
    EXPECT_EQ(disco::caps().attribute("ver").size(), 28U);  // base64 of 20 octets
}

TEST(Xep0215, TakesWhatItCanUse) {
    Element services{"services", ns::kExtdisco};
    services.add(Element{"service"}.set("type", "stun").set("host", "s.example").set("port", "3479"));
    services.add(Element{"service"}
                     .set("type", "turn")
                     .set("host", "t.example")
                     .set("transport", "tcp")
                     .set("username", "u")
                     .set("password", "p"));
    services.add(Element{"service"}.set("type", "ftp").set("host", "f.example"));
    services.add(Element{"service"}.set("type", "stun").set("host", "bad.example").set("port", "70000"));
    const auto parsed = parse_services(services);
    ASSERT_EQ(parsed.size(), 2U);
    EXPECT_EQ(parsed[0].port, 3479);
    EXPECT_EQ(parsed[1].transport, "tcp");
    EXPECT_EQ(parsed[1].port, 3478);
    EXPECT_EQ(parsed[1].username, "u");
}

TEST(Summary, JsonEscapesWhatThePeerChose) {
    CallSummary summary;
    summary.peer = "evil\"\\\n@x";
    EXPECT_NE(to_json(summary).find(R"("peer":"evil\"\\\u000a@x")"), std::string::npos) << to_json(summary);
    EXPECT_NE(to_json(summary).find(R"("setup_ms":null)"), std::string::npos);
}

}  // namespace
}  // namespace carillon::phone
