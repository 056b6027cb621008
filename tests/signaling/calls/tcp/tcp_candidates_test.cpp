/// Who is told where the relay takes ICE over TCP, and when.
#include "signaling/calls/tcp_candidates.h"

#include <gtest/gtest.h>

#include "signaling/jingle/leg.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using test::kJuliet;
using test::kRomeo;
using test::Scene;

constexpr std::string_view kActive =
    "<candidate component='1' foundation='9' generation='0' id='t1' ip='198.51.100.70' network='0' port='9' "
    "priority='1518280447' protocol='tcp' tcptype='active' type='host'/>";

/// Puts a candidate over TCP into the first transport.
std::string with_tcp(std::string text) {
    const auto at = text.find("</transport>");
    if (at != std::string::npos) text.insert(at, kActive);
    return text;
}

struct TcpScene : Scene {
    TcpScene() { relay.over_tcp = 4443; }
    static std::vector<jingle::Candidate> tcp_of(const jingle::Jingle& jingle) {
        std::vector<jingle::Candidate> out;
        for (const auto& content : jingle.contents)
            for (const auto& each : content.transport.candidates)
                if (each.protocol == "tcp" && each.port != 9) out.push_back(each);
        return out;
    }
    bool ever_told(const std::string& whom) const {
        return seen_by(whom).find("tcptype='passive'") != std::string::npos ||
               seen_by(whom).find("tcptype=\"passive\"") != std::string::npos;
    }
};

std::string trickle(std::string_view ufrag, std::string_view pwd) {
    return test::jingle("transport-info", "s",
                        test::content("0", test::ice_transport(ufrag, pwd, std::string{kActive})));
}

TEST(IceTcpCandidates, AreNotToldToClientsThatHaveNone) {
    TcpScene scene;
    scene.browser_call("s");
    EXPECT_FALSE(scene.ever_told(kRomeo));
    EXPECT_FALSE(scene.ever_told(kJuliet));
}

TEST(IceTcpCandidates, AreToldToWhoHasSomeItself) {
    TcpScene scene;
    scene.send(kRomeo, kJuliet, with_tcp(test::browser_initiate("s")));
    EXPECT_FALSE(scene.ever_told(kJuliet)) << "nothing is known of her yet";
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    const auto told = TcpScene::tcp_of(scene.last(kRomeo));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].port, 4443);
    EXPECT_EQ(told[0].type, jingle::CandidateType::relay);
    EXPECT_TRUE(scene.ever_told(kRomeo));
    EXPECT_FALSE(scene.ever_told(kJuliet));
}

TEST(IceTcpCandidates, FollowInATransportInfoWhenTheCalleeShowsLater) {
    TcpScene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.send(kJuliet, kRomeo, with_tcp(test::browser_accept("s")));
    const auto late = scene.last(kJuliet);
    ASSERT_EQ(late.action, Action::transport_info);
    ASSERT_EQ(late.contents.size(), 1u);
    EXPECT_EQ(late.contents[0].transport.ice.ufrag, "n0Fb") << "the other side's, whose relay candidate it is";
    const auto told = TcpScene::tcp_of(late);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].port, 4443);
    const auto before = scene.to(kJuliet).size();
    scene.send(kJuliet, kRomeo, trickle("cAll", "calleePasswordOf24Chars0"));
    EXPECT_EQ(scene.to(kJuliet).size(), before) << "once is enough (but for the acknowledgement)";
}

TEST(IceTcpCandidates, AreToldToAllWhereTheHostWantsIt) {
    TcpScene scene;
    scene.host.settings_.ice_tcp_to_all = true;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(TcpScene::tcp_of(scene.last(kJuliet)).size(), 2u) << "of both contents";
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_TRUE(scene.ever_told(kRomeo));
}

TEST(IceTcpCandidates, ABridgedLegHasThemAsHostCandidates) {
    TcpScene scene;
    scene.host.settings_.bridge = BridgeMode::always;
    scene.host.settings_.transcode = TranscodeMode::never;
    scene.send(kRomeo, kJuliet, with_tcp(test::browser_initiate("s")));
    EXPECT_FALSE(scene.ever_told(kJuliet));
    scene.send(kJuliet, kRomeo, with_tcp(test::browser_accept("s")));
    bool answered = false;
    for (const auto& stanza : scene.to(kRomeo)) {
        const auto jingle = jingle::parse(*jingle::find_jingle(stanza.element()));
        if (!jingle || jingle->action != Action::session_accept) continue;
        answered = true;
        const auto told = TcpScene::tcp_of(*jingle);
        ASSERT_GE(told.size(), 1u);
        EXPECT_EQ(told[0].type, jingle::CandidateType::host);
        EXPECT_EQ(told[0].port, 4443);
    }
    EXPECT_TRUE(answered);
    const auto late = scene.last(kJuliet);
    ASSERT_EQ(late.action, Action::transport_info);
    EXPECT_EQ(late.contents[0].transport.ice, scene.relay.streams.at(0).setup.legs[1].bridge->own);
    EXPECT_GE(TcpScene::tcp_of(late).size(), 1u);
}

TEST(IceTcpCandidates, ComeAfterUdpInEveryOrder) {  // RFC 6544 §4.2
    using jingle::relay_priority;
    using jingle::relay_tcp_priority;
    EXPECT_GT(relay_priority(1, 100), relay_tcp_priority(1, 0));
    EXPECT_GT(relay_tcp_priority(1, 0), relay_tcp_priority(1, 1));
    EXPECT_EQ(relay_tcp_priority(1, 0) >> 8, (4u << 13) + 8191);
    EXPECT_EQ(relay_tcp_priority(2, 0) & 0xFF, 254u);
    const std::array<jingle::RelayAddress, 2> addresses{jingle::RelayAddress{1, "192.0.2.1", 30000},
                                                        jingle::RelayAddress{1, "192.0.2.1", 4443, true}};
    const auto transport = jingle::make_ice_transport({"ufrag", "password"}, addresses, "0");
    const auto children = transport.children();
    ASSERT_EQ(children.size(), 2u);
    EXPECT_EQ(children[1]->attribute("protocol"), "tcp");
    EXPECT_EQ(children[1]->attribute("tcptype"), "passive");
    EXPECT_FALSE(children[0]->has_attribute("tcptype"));
    EXPECT_NE(children[0]->attribute("foundation"), children[1]->attribute("foundation"));
    EXPECT_GT(std::stoul(std::string{children[0]->attribute("priority")}),
              std::stoul(std::string{children[1]->attribute("priority")}));
}

}  // namespace
}  // namespace carillon::calls
