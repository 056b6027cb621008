/// Each way a call may go, and its outcome: the table in docs/calls.md.
#include "signaling/calls/controller.h"

#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using test::kJuliet;
using test::kRomeo;
using test::of_type;
using test::Scene;
using test::terminate;
using namespace std::chrono_literals;

constexpr auto kPropose =
    "<propose xmlns='urn:xmpp:jingle-message:0' id='s'><description xmlns='urn:xmpp:jingle:apps:rtp:1' "
    "media='audio'/></propose>";

std::string invite(std::string_view action) {
    return "<" + std::string{action} + " xmlns='urn:xmpp:jingle-message:0' id='s'/>";
}

StreamCounters counted(std::string_view stream, std::uint64_t from_caller, std::uint64_t from_callee) {
    StreamCounters counters{.stream = std::string{stream}, .from = {}};
    counters.from[0] = {.packets = from_caller, .bytes = from_caller * 100, .loss = 0.01, .jitter_ms = 3};
    counters.from[1] = {.packets = from_callee, .bytes = from_callee * 100, .loss = 0, .jitter_ms = 5};
    return counters;
}

TEST(CallFlow, RecordTellsWhoWhenCodecFiguresAndWhy) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(scene.host.records.begin()->second.size(), 1u) << "a crash now leaves a trace";
    scene.pass(4s);
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_TRUE(scene.record().answered);
    EXPECT_EQ(scene.record().codecs, "opus/48000/2, VP8/90000");
    scene.relay.counters = {counted("s1", 1000, 900)};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.list().at(0).record.packets_to_callee, 1000u);
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
    scene.relay.counters = {counted("s1", 2000, 1800)};
    scene.send(kRomeo, kJuliet, terminate("s", "success"));
    const auto record = scene.record();
    EXPECT_EQ(record.caller.str(), kRomeo);
    EXPECT_EQ(record.callee.str(), kJuliet);
    EXPECT_EQ(record.path, "forward");
    EXPECT_EQ(record.reason, "success");
    EXPECT_EQ(record.packets_to_callee, 2000u);
    EXPECT_EQ(record.bytes_to_caller, 180000u);
    EXPECT_DOUBLE_EQ(record.loss_to_callee, 0.01);
    EXPECT_DOUBLE_EQ(record.jitter_to_caller_ms, 5);
    ASSERT_TRUE(record.ended && record.answered);
    EXPECT_EQ(*record.answered - record.started, 4s);
    EXPECT_EQ(*record.ended - *record.answered, 10s);
    EXPECT_EQ(scene.relay.open_streams(), 0u);
    EXPECT_EQ(scene.controller.size(), 0u);
    EXPECT_TRUE(scene.host.watched.empty());
}

TEST(CallFlow, KeepsTheIqAsItIsAndInOrder) {
    Scene scene;
    const auto first = scene.post(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto second = scene.post(kRomeo, kJuliet,
                                   test::transport_info("s", "0", test::kBrowserUfrag, test::kBrowserPwd,
                                                        test::browser_candidate(7, "198.51.100.77", 51007, "host")));
    const auto third = scene.post(kRomeo, kJuliet, test::jingle("session-info", "s", ""));
    scene.settle();
    const auto seen = scene.to(kJuliet);
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0].id(), first);
    EXPECT_EQ(seen[1].id(), second);
    EXPECT_EQ(seen[2].id(), third);
    EXPECT_EQ(seen[0].from().str(), kRomeo);
}

TEST(CallFlow, OneCallDoesNotWaitForAnother) {
    Scene scene;
    scene.relay.silent = true;
    scene.send(kRomeo, kJuliet, test::browser_initiate("waits"));
    EXPECT_TRUE(scene.to(kJuliet).empty());
    scene.relay.silent = false;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("goes"));
    EXPECT_EQ(scene.to(kJuliet).size(), 1u);
}

TEST(Unavailable, AbsentResourceIsAnsweredAtOnceAndCostsNoPort) {
    Scene scene;
    scene.host.bound.erase(kJuliet);
    const auto id = scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    ASSERT_EQ(scene.host.errors.size(), 1u);
    EXPECT_EQ(scene.host.errors[0], (std::pair{id, std::string{"service-unavailable"}}));
    EXPECT_TRUE(scene.relay.streams.empty());
    EXPECT_TRUE(scene.host.routed.empty());
    EXPECT_EQ(scene.record().reason, "unavailable");
}

TEST(Unavailable, ErrorAnswerEndsTheSession) {
    Scene scene;
    const auto id = scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.controller.failed(Scene::jid(kJuliet), Scene::jid(kRomeo), id, "service-unavailable");
    scene.settle();
    EXPECT_EQ(scene.record().reason, "service-unavailable");
    EXPECT_EQ(scene.relay.open_streams(), 0u);
}

TEST(Ringing, NoAnswerInTimeEndsBothSides) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.send(kJuliet, kRomeo,
               test::jingle("session-info", "s", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"));
    EXPECT_EQ(scene.controller.list().at(0).state, "ringing");
    scene.pass(29s);
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.pass(2s);
    for (const auto& end : {kRomeo, kJuliet}) {
        const auto last = scene.last(end);
        EXPECT_EQ(last.action, Action::session_terminate);
        EXPECT_EQ(last.sid, "s");
        EXPECT_EQ(last.reason.condition, "timeout");
    }
    EXPECT_EQ(scene.to(kRomeo).back().from().str(), kJuliet);
    EXPECT_EQ(scene.record().reason, "timeout");
    EXPECT_FALSE(scene.record().answered);
    EXPECT_EQ(scene.relay.open_streams(), 0u);
}

TEST(Ringing, RejectionPasses) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.send(kJuliet, kRomeo, terminate("s", "decline"));
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "decline");
    EXPECT_EQ(scene.to(kRomeo).size(), 1u);
    EXPECT_EQ(scene.record().reason, "decline");
}

TEST(Xep0353, ProposeRingProceedIsOneCall) {
    Scene scene;
    scene.message(kRomeo, "juliet@capulet.example", kPropose);
    EXPECT_TRUE(scene.host.routed.empty()) << "messages go their own way";
    EXPECT_EQ(scene.controller.list().at(0).state, "proposed");
    scene.message(kJuliet, kRomeo, invite("ringing"));
    EXPECT_EQ(scene.controller.list().at(0).state, "ringing");
    scene.pass(20s);
    scene.message(kJuliet, kRomeo, invite("proceed"));
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    scene.pass(20s);
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
    EXPECT_EQ(scene.host.records.size(), 1u);
}

TEST(Xep0353, NoAnswerIsToldToBoth) {
    Scene scene;
    scene.message(kRomeo, "juliet@capulet.example", kPropose);
    scene.pass(31s);
    const auto to_caller = scene.to(kRomeo);
    ASSERT_EQ(to_caller.size(), 1u);
    const auto reject = jingle::parse_invite(to_caller[0].element());
    ASSERT_TRUE(reject);
    EXPECT_EQ(reject->action, jingle::InviteAction::reject);
    EXPECT_EQ(reject->reason.condition, "timeout");
    const auto to_callee = scene.to("juliet@capulet.example");
    ASSERT_EQ(to_callee.size(), 1u);
    EXPECT_EQ(jingle::parse_invite(to_callee[0].element())->action, jingle::InviteAction::retract);
    EXPECT_EQ(scene.record().reason, "timeout");
}

TEST(Xep0353, RejectAndRetractEndIt) {
    Scene rejected;
    rejected.message(kRomeo, "juliet@capulet.example", kPropose);
    rejected.message("juliet@capulet.example/phone", kRomeo,
                     "<reject xmlns='urn:xmpp:jingle-message:0' id='s'><reason xmlns='urn:xmpp:jingle:1'><busy/>"
                     "</reason></reject>");
    EXPECT_EQ(rejected.record().reason, "busy");
    Scene retracted;
    retracted.message(kRomeo, "juliet@capulet.example", kPropose);
    retracted.message(kRomeo, "juliet@capulet.example", invite("retract"));
    EXPECT_EQ(retracted.record().reason, "cancel");
    EXPECT_EQ(retracted.controller.size(), 0u);
}

TEST(Glare, CrossingSessionsStayApartEvenWithOneSid) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("same"));
    scene.send(kJuliet, kRomeo, test::trickled_initiate("same"));
    EXPECT_EQ(scene.controller.size(), 2u);
    EXPECT_EQ(scene.relay.open_streams(), 2u);
    // XEP-0166 §7.2.16: one is refused by the clients' tie-break; the other goes on.
    const auto id = std::string{scene.to(kRomeo).at(0).id()};
    scene.controller.failed(Scene::jid(kRomeo), Scene::jid(kJuliet), id, "conflict");
    scene.settle();
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.send(kJuliet, kRomeo,
               test::jingle("session-accept", "same",
                            test::content("audio", test::browser_description(false) +
                                                       test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
    EXPECT_EQ(scene.controller.list().at(0).record.caller.str(), kRomeo);
}

TEST(EarlyHangUp, CalleeNeverHearsOfIt) {
    Scene scene;
    scene.relay.silent = true;
    const auto initiate = scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto hang_up = scene.send(kRomeo, kJuliet, terminate("s", "cancel"));
    EXPECT_TRUE(scene.to(kJuliet).empty());
    const auto answers = scene.to(kRomeo);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].id(), initiate);
    EXPECT_EQ(answers[0].type(), "result");
    EXPECT_EQ(answers[1].id(), hang_up);
    EXPECT_EQ(scene.record().reason, "cancel");
    // The relay answers after all: its ports go back.
    scene.relay.late.at(0)(StreamPorts{.worker = "w1", .told = {}});
    scene.settle();
    EXPECT_EQ(scene.controller.size(), 0u);
}

TEST(Session, DuplicateSidIsAConflict) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    const auto id = scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    ASSERT_EQ(scene.host.errors.size(), 1u);
    EXPECT_EQ(scene.host.errors[0], (std::pair{id, std::string{"conflict"}}));
    EXPECT_EQ(scene.controller.size(), 1u);
}

TEST(Session, TwoResourcesOfOneUser) {
    Scene scene;
    const std::string laptop = "romeo@montague.example/laptop";
    scene.host.bound.insert(laptop);
    scene.send(kRomeo, laptop, test::trickled_initiate("s"));
    EXPECT_EQ(scene.to(laptop).size(), 1u);
    scene.send(laptop, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("audio", test::browser_description(false) +
                                                       test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
}

TEST(Session, StrangersCannotTouchIt) {
    Scene scene;
    scene.browser_call("s");
    scene.send("tybalt@capulet.example/sword", kRomeo, terminate("s", "success"));
    scene.send("tybalt@capulet.example/sword", kJuliet, terminate("s", "success"));
    EXPECT_EQ(scene.controller.size(), 1u);
}

TEST(Relay, RefusalUnderAlwaysIsResourceConstraint) {
    Scene scene;
    scene.host.settings_.relay = RelayMode::always;
    scene.relay.refuse = true;
    const auto id = scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    ASSERT_EQ(scene.host.errors.size(), 1u);
    EXPECT_EQ(scene.host.errors[0], (std::pair{id, std::string{"resource-constraint"}}));
    EXPECT_TRUE(scene.to(kJuliet).empty());
    EXPECT_EQ(scene.record().reason, "relay-refused");
}

TEST(Relay, RefusalUnderFallbackGoesDirect) {
    Scene scene;
    scene.relay.refuse = true;
    scene.browser_call("s");
    EXPECT_TRUE(scene.host.errors.empty());
    EXPECT_EQ(*jingle::find_jingle(scene.to(kJuliet).at(0).element()), test::parse_xml(test::browser_initiate("s")));
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
}

TEST(Relay, NoAnswerIsARefusal) {
    Scene scene;
    scene.relay.silent = true;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("s"));
    EXPECT_TRUE(scene.to(kJuliet).empty());
    scene.pass(4s);
    EXPECT_EQ(scene.to(kJuliet).size(), 1u);
}

TEST(Relay, DeathUnderAlwaysEndsTheCall) {
    Scene scene;
    scene.host.settings_.relay = RelayMode::always;
    scene.browser_call("s");
    scene.relay.streams[0].watch("s1", RelayEvent::lost);
    scene.settle();
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "connectivity-error");
    EXPECT_EQ(scene.last(kJuliet).reason.condition, "connectivity-error");
    EXPECT_EQ(scene.record().reason, "relay-lost");
}

TEST(Relay, DeathDoesNotMatterToADirectCall) {
    Scene scene;
    scene.browser_call("s");
    scene.relay.streams[0].watch("s1", RelayEvent::lost);
    scene.pass(60s);
    EXPECT_EQ(scene.controller.list().at(0).state, "active");
}

TEST(Relay, DeathUnderFallbackLeavesTimeForAnIceRestart) {
    Scene scene;
    scene.browser_call("s");
    scene.relay.counters = {counted("s1", 1000, 900)};
    scene.pass(10s);
    scene.relay.streams[0].watch("s1", RelayEvent::lost);
    scene.pass(10s);
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.send(kRomeo, kJuliet, test::transport_info("s", "0", "new1", "brandNewPasswordOf24Char", ""));
    EXPECT_EQ(of_type(scene.last(kJuliet).contents[0], jingle::CandidateType::relay).size(), 1u) << "on new ports";
    scene.pass(30s);
    EXPECT_EQ(scene.controller.size(), 1u);

    Scene without;
    without.browser_call("s");
    without.relay.counters = {counted("s1", 1000, 900)};
    without.pass(10s);
    without.relay.streams[0].watch("s1", RelayEvent::lost);
    without.pass(16s);
    EXPECT_EQ(without.record().reason, "relay-lost");
}

TEST(Relay, SilenceEndsARelayedCallOnly) {
    Scene relayed;
    relayed.browser_call("s");
    relayed.relay.counters = {counted("s1", 1000, 900)};
    relayed.pass(10s);
    relayed.relay.streams[0].watch("s1", RelayEvent::silent);
    relayed.settle();
    EXPECT_EQ(relayed.last(kRomeo).reason.condition, "timeout");
    EXPECT_EQ(relayed.record().reason, "media-timeout");
    Scene direct;
    direct.browser_call("s");
    direct.relay.streams[0].watch("s1", RelayEvent::silent);
    direct.settle();
    EXPECT_EQ(direct.controller.size(), 1u);
}

TEST(Ends, OperatorHangsUp) {
    Scene scene;
    scene.browser_call("s");
    EXPECT_FALSE(scene.controller.hang_up("nonsense", {}));
    const auto id = scene.controller.list().at(0).record.id;
    EXPECT_TRUE(scene.controller.hang_up(id, {.condition = "gone", .text = "maintenance"}));
    scene.settle();
    for (const auto& end : {kRomeo, kJuliet}) {
        EXPECT_EQ(scene.last(end).action, Action::session_terminate);
        EXPECT_EQ(scene.last(end).reason.text, "maintenance");
    }
    EXPECT_EQ(scene.record().reason, "operator");
}

class Prepaid final : public CallPolicy {
  public:
    std::optional<xmpp::StanzaError> admit(const CallFacts&) override {
        if (barred) return xmpp::StanzaError::forbidden();
        return std::nullopt;
    }
    std::optional<jingle::Reason> check(const CallFacts& call) override {
        if (call.bytes < 150'000) return std::nullopt;
        return jingle::Reason{.condition = "expired", .text = "credit used up"};
    }
    bool barred = false;
};

TEST(Ends, PolicyEndsACallWithItsReason) {
    Scene scene;
    Prepaid policy;
    scene.host.policy_ = &policy;
    scene.browser_call("s");
    scene.relay.counters = {counted("s1", 1000, 900)};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.size(), 1u) << "measured at the first tick";
    scene.pass(10s);
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "expired");
    EXPECT_EQ(scene.last(kJuliet).reason.text, "credit used up");
    policy.barred = true;
    scene.send(kRomeo, kJuliet, test::trickled_initiate("t"));
    EXPECT_EQ(scene.host.errors.at(0).second, "forbidden");
}

TEST(Ends, LongestDuration) {
    Scene scene;
    scene.host.settings_.max_duration = 60s;
    scene.browser_call("s");
    scene.pass(59s);
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.pass(12s);
    EXPECT_EQ(scene.record().reason, "max-duration");
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "expired");
}

TEST(Ends, LostStreamIsToldToTheOtherAfterAGrace) {
    Scene scene;
    scene.browser_call("s");
    scene.controller.session_gone(Scene::jid(kJuliet), call_key(Scene::jid(kRomeo), "s"));
    scene.pass(4s);
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.pass(2s);
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "gone");
    EXPECT_EQ(scene.to(kJuliet).size(), 1u) << "nothing to a side that is not there";
    EXPECT_EQ(scene.record().reason, "gone");
}

TEST(Ends, ResumedStreamKeepsTheCall) {
    Scene scene;
    scene.browser_call("s");
    scene.controller.session_gone(Scene::jid(kJuliet), call_key(Scene::jid(kRomeo), "s"));
    scene.pass(2s);
    scene.send(kJuliet, kRomeo, test::jingle("session-info", "s", ""));
    scene.pass(20s);
    EXPECT_EQ(scene.controller.size(), 1u);
}

TEST(Ends, CallerGoneWhileRinging) {
    Scene scene;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.controller.session_gone(Scene::jid(kRomeo), call_key(Scene::jid(kRomeo), "s"));
    scene.pass(6s);
    EXPECT_EQ(scene.last(kJuliet).action, Action::session_terminate);
    EXPECT_EQ(scene.last(kJuliet).reason.condition, "gone");
}

TEST(Limits, WaitingStanzasAreBounded) {
    Scene scene;
    scene.relay.silent = true;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    for (int i = 0; i < 70; ++i) scene.post(kRomeo, kJuliet, test::jingle("session-info", "s", ""));
    EXPECT_EQ(scene.host.errors.size(), 6u);
    EXPECT_EQ(scene.host.errors.at(0).second, "resource-constraint");
}

TEST(Limits, TooManyCandidatesAreRefused) {
    Scene scene;
    std::string candidates;
    for (int i = 0; i < 65; ++i) candidates += test::browser_candidate(i, "198.51.100.77", 4000 + i, "host");
    scene.browser_call("s");
    scene.send(kRomeo, kJuliet, test::transport_info("s", "0", "u", "p", candidates));
    EXPECT_EQ(scene.host.errors.at(0).second, "policy-violation");
}

TEST(Reload, CallsOutliveTheirModule) {
    Scene scene;
    scene.browser_call("s");
    scene.controller.detach(test::kHost);
    scene.controller.poll();
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.controller.attach(test::kHost, scene.host);
    scene.send(kRomeo, kJuliet, terminate("s", "success"));
    EXPECT_EQ(scene.record().reason, "success");
}

}  // namespace
}  // namespace carillon::calls
