/// Which addresses each end is told, under each policy.
#include "signaling/calls/media.h"

#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::CandidateType;
using test::kJuliet;
using test::kRomeo;
using test::of_type;
using test::Scene;

/// Addresses that the callers' samples carry.
constexpr std::array kSecrets{"198.51.100.77", "2001:db8:77", "203.0.113.9'", "192.0.2.44",
                              "10.1.1.104",    "10.2.2.2",    ".local",       "51000"};

void expect_no_leak(const Scene& scene) {
    for (const auto& end : {kRomeo, kJuliet})
        for (const auto* secret : kSecrets)
            EXPECT_EQ(scene.seen_by(end).find(secret), std::string::npos) << secret << " seen by " << end;
}

TEST(RelayFallback, AddsOneRelayCandidateForEachSide) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    auto offer = scene.last(kJuliet);
    ASSERT_EQ(offer.contents.size(), 2u);
    EXPECT_EQ(offer.contents[0].transport.candidates.size(), 5u) << "four of its own and ours";
    auto ours = of_type(offer.contents[0], CandidateType::relay);
    ASSERT_EQ(ours.size(), 2u);
    EXPECT_EQ(ours[1].ip, "203.0.113.200");
    EXPECT_EQ(ours[1].port, 30002) << "the callee is told port B";
    EXPECT_EQ(ours[1].component, 1u) << "rtcp-mux: one component";

    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    ours = of_type(scene.last(kRomeo).contents[0], CandidateType::relay);
    ASSERT_EQ(ours.size(), 1u);
    EXPECT_EQ(ours[0].port, 30000) << "the caller is told port A";
}

TEST(RelayFallback, WorkerKnowsCredentialsBeforeThePeerDoes) {
    Scene scene;
    scene.post(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_TRUE(scene.to(kJuliet).empty()) << "not before the relay has answered";
    scene.settle();
    ASSERT_EQ(scene.relay.streams.size(), 2u);
    EXPECT_TRUE(scene.relay.streams[0].setup.ice);
    EXPECT_EQ(scene.relay.streams[0].setup.legs[0].current().ufrag, "n0Fb");
    EXPECT_EQ(scene.relay.streams[0].setup.legs[0].current().pwd, test::kBrowserPwd);
    scene.post(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_TRUE(scene.to(kRomeo).empty());
    scene.settle();
    ASSERT_FALSE(scene.relay.updates.empty());
    EXPECT_EQ(scene.relay.updates[0].side, Side::callee);
    EXPECT_EQ(scene.relay.updates[0].leg.current().ufrag, "cAll");
    EXPECT_EQ(scene.to(kRomeo).size(), 1u);
}

TEST(RelayFallback, AcceptedBundleKeepsOneStream) {
    Scene scene;
    scene.browser_call("s");
    EXPECT_EQ(scene.relay.streams.size(), 2u) << "the answer may turn the bundle down";
    EXPECT_EQ(scene.relay.open_streams(), 1u);
    EXPECT_TRUE(of_type(scene.last(kRomeo).contents[1], CandidateType::relay).empty());
}

TEST(RelayAlways, LeavesOnlyRelayAddresses) {
    Scene scene;
    scene.host.settings_.relay = RelayMode::always;
    scene.browser_call("s");
    scene.send(kRomeo, kJuliet,
               test::transport_info("s", "0", test::kBrowserUfrag, test::kBrowserPwd,
                                    test::browser_candidate(9, "198.51.100.77", 51009, "srflx")));
    scene.send(kJuliet, kRomeo,
               test::transport_info("s", "0", "cAll", "calleePasswordOf24Chars0",
                                    test::browser_candidate(9, "192.0.2.44", 42001, "prflx")));
    scene.send(kRomeo, kJuliet,
               test::transport_info("s", "unknown", "x", "y", test::browser_candidate(1, "198.51.100.77", 1, "host")));
    EXPECT_EQ(scene.to(kJuliet).size(), 3u) << "emptied stanzas still pass";
    scene.send(kJuliet, kRomeo, test::terminate("s", "success"));
    // A straggler of the ended session, and one of a session that never was.
    scene.send(kRomeo, kJuliet,
               test::transport_info("s", "0", "x", "y", test::browser_candidate(1, "198.51.100.77", 1, "host")));
    scene.send(kRomeo, kJuliet,
               test::transport_info("none", "0", "x", "y", test::browser_candidate(1, "198.51.100.77", 1, "host")));
    EXPECT_EQ(scene.to(kJuliet).size(), 5u);
    expect_no_leak(scene);
}

TEST(RelayAlways, HoldsWhenTheCalleesHostWantsIt) {
    Scene scene;
    test::FakeHost capulet;
    capulet.settings_.relay = RelayMode::always;
    scene.controller.attach("capulet.example", capulet);
    scene.browser_call("s");
    expect_no_leak(scene);
}

TEST(RelayNever, PassesUntouched) {
    Scene scene;
    scene.host.settings_.relay = RelayMode::never;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(*jingle::find_jingle(scene.to(kJuliet).at(0).element()), test::parse_xml(test::browser_initiate("s")));
    EXPECT_TRUE(scene.relay.streams.empty());
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    scene.pass(std::chrono::seconds{11});
    scene.send(kJuliet, kRomeo, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().path, "direct");
}

TEST(RawUdp, EachSideIsToldItsRelayPorts) {
    for (const auto mode : {RelayMode::fallback, RelayMode::always}) {
        Scene scene;
        scene.host.settings_.relay = mode;
        scene.send(kRomeo, kJuliet, test::raw_session("session-initiate", "s", "10.1.1.104", 13540));
        ASSERT_EQ(scene.relay.streams.size(), 1u);
        const auto& setup = scene.relay.streams[0].setup;
        EXPECT_FALSE(setup.ice);
        EXPECT_TRUE(setup.rtcp);
        EXPECT_EQ(setup.legs[0].remotes,
                  (std::vector<RemoteAddress>{{1, "10.1.1.104", 13540}, {2, "10.1.1.104", 13541}}));
        auto candidates = scene.last(kJuliet).contents.at(0).transport.candidates;
        ASSERT_EQ(candidates.size(), 2u);
        EXPECT_EQ(candidates[0].port, 30002);
        EXPECT_EQ(candidates[1].port, 30003);
        scene.send(kJuliet, kRomeo, test::raw_session("session-accept", "s", "10.2.2.2", 20000));
        EXPECT_EQ(scene.relay.updates.at(0).leg.remotes.at(0), (RemoteAddress{1, "10.2.2.2", 20000}));
        candidates = scene.last(kRomeo).contents.at(0).transport.candidates;
        ASSERT_EQ(candidates.size(), 2u);
        EXPECT_EQ(candidates[0].port, 30000);
        EXPECT_EQ(candidates[0].ip, "203.0.113.200");
        expect_no_leak(scene);
    }
}

TEST(Trickle, RelayCandidateGoesWithTheFirstCredentials) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    EXPECT_EQ(of_type(scene.last(kJuliet).contents[0], CandidateType::relay).size(), 1u);
    scene.send(kRomeo, kJuliet,
               test::transport_info("s", "audio", "trk1", "trickledPasswordOf24Char",
                                    test::browser_candidate(1, "198.51.100.77", 50000, "host")));
    EXPECT_EQ(scene.last(kJuliet).contents[0].transport.candidates.size(), 1u) << "not offered twice";
    // The callee may trickle before it accepts.
    scene.send(kJuliet, kRomeo,
               test::transport_info("s", "audio", "cAll", "calleePasswordOf24Chars0",
                                    test::browser_candidate(1, "192.0.2.44", 50000, "host")));
    EXPECT_EQ(of_type(scene.last(kRomeo).contents[0], CandidateType::relay).size(), 1u);
}

TEST(Trickle, SecondComponentIsOfferedOnceItIsUsed) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    auto rtcp = test::browser_candidate(1, "198.51.100.77", 50000, "host");
    rtcp.replace(rtcp.find("component='1'"), 13, "component='2'");
    scene.send(kRomeo, kJuliet, test::transport_info("s", "audio", "trk1", "trickledPasswordOf24Char", rtcp));
    const auto ours = of_type(scene.last(kJuliet).contents[0], CandidateType::relay);
    ASSERT_EQ(ours.size(), 1u);
    EXPECT_EQ(ours[0].component, 2u);
    EXPECT_EQ(ours[0].port, 30003);
}

TEST(IceRestart, WorkerLearnsAndTheRelayIsOfferedAgain) {
    Scene scene;
    scene.browser_call("s");
    scene.relay.updates.clear();
    scene.send(kRomeo, kJuliet, test::transport_info("s", "0", "new1", "brandNewPasswordOf24Char", ""));
    ASSERT_EQ(scene.relay.updates.size(), 1u);
    EXPECT_EQ(scene.relay.updates[0].side, Side::caller);
    EXPECT_EQ(scene.relay.updates[0].leg.current().ufrag, "new1");
    EXPECT_EQ(scene.relay.updates[0].leg.ice.size(), 2u) << "checks of the old generation may still be under way";
    const auto ours = of_type(scene.last(kJuliet).contents[0], CandidateType::relay);
    ASSERT_EQ(ours.size(), 1u);
    EXPECT_EQ(ours[0].generation, "1");
    EXPECT_EQ(ours[0].port, 30002) << "same ports";
}

TEST(Contents, AnswerWithoutVideoFreesItsPorts) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(scene.relay.open_streams(), 2u);
    scene.send(kJuliet, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("0", test::browser_description(false) +
                                                   test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    EXPECT_EQ(scene.relay.open_streams(), 1u);
}

TEST(Contents, AddedAndRemovedOnTheWay) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    scene.send(kJuliet, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("audio", test::browser_description(false) +
                                                       test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    // Juliet adds video with credentials of its own.
    scene.send(kJuliet, kRomeo,
               test::jingle("content-add", "s",
                            test::content("cam",
                                          test::browser_description(true) +
                                              test::ice_transport("vid1", "videoPasswordOfJulietsOwn",
                                                                  test::browser_candidate(1, "192.0.2.44", 1, "host")),
                                          "responder")));
    ASSERT_EQ(scene.relay.streams.size(), 2u);
    EXPECT_EQ(scene.relay.streams[1].setup.legs[1].current().ufrag, "vid1") << "it is the callee's leg";
    EXPECT_EQ(of_type(scene.last(kRomeo).contents[0], CandidateType::relay).at(0).port, 30004);
    scene.send(kRomeo, kJuliet,
               test::jingle("content-accept", "s",
                            test::content("cam",
                                          test::browser_description(true) +
                                              test::ice_transport("vid2", "videoPasswordOfRomeosOwn00"),
                                          "responder")));
    EXPECT_EQ(of_type(scene.last(kJuliet).contents[0], CandidateType::relay).at(0).port, 30006);
    EXPECT_EQ(scene.relay.open_streams(), 2u);
    scene.send(kJuliet, kRomeo, test::jingle("content-remove", "s", test::content("cam", "", "responder")));
    EXPECT_EQ(scene.relay.open_streams(), 1u);
}

TEST(Contents, VideoAddedToABundleTakesNoPorts) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    scene.send(kJuliet, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("audio", test::browser_description(false) +
                                                       test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    scene.send(kRomeo, kJuliet,
               test::jingle("content-add", "s",
                            test::bundle("audio", "cam") +
                                test::content("cam", test::browser_description(true) +
                                                         test::ice_transport("trk1", "trickledPasswordOf24Char"))));
    EXPECT_EQ(scene.relay.streams.size(), 1u);
    EXPECT_EQ(scene.last(kJuliet).action, jingle::Action::content_add);
}

TEST(Contents, NextOfTheBundleInheritsTheTransport) {
    Scene scene;
    scene.browser_call("s");
    scene.send(kRomeo, kJuliet, test::jingle("content-remove", "s", test::content("0", "")));
    EXPECT_EQ(scene.relay.open_streams(), 1u) << "video still runs over it";
    scene.send(kRomeo, kJuliet, test::jingle("content-remove", "s", test::content("1", "")));
    EXPECT_EQ(scene.relay.open_streams(), 0u);
}

TEST(TransportReplace, NewPortsUntilTheAnswerDecides) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::raw_session("session-initiate", "s", "10.1.1.104", 13540));
    scene.send(kJuliet, kRomeo, test::raw_session("session-accept", "s", "10.2.2.2", 20000));
    const auto replace = [](std::string_view action, std::string_view ufrag) {
        return test::jingle(action, "s",
                            test::content("voice", test::ice_transport(ufrag, "passwordOfTwentyFourChar")));
    };
    scene.send(kRomeo, kJuliet, replace("transport-replace", "rp1"));
    EXPECT_EQ(scene.relay.open_streams(), 2u);
    EXPECT_EQ(of_type(scene.last(kJuliet).contents[0], CandidateType::relay).at(0).port, 30006);
    scene.send(kJuliet, kRomeo, replace("transport-accept", "rp2"));
    EXPECT_EQ(scene.relay.open_streams(), 1u);
    EXPECT_TRUE(scene.relay.streams[1].open);
    EXPECT_EQ(of_type(scene.last(kRomeo).contents[0], CandidateType::relay).at(0).port, 30004);
    scene.send(kRomeo, kJuliet, test::raw_session("transport-replace", "s", "10.1.1.104", 13542));
    EXPECT_EQ(scene.relay.open_streams(), 2u);
    scene.send(kJuliet, kRomeo, test::jingle("transport-reject", "s", test::content("voice", "")));
    EXPECT_EQ(scene.relay.open_streams(), 1u);
    EXPECT_TRUE(scene.relay.streams[1].open);
}

}  // namespace
}  // namespace carillon::calls
