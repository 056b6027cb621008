/// One-way audio and dead air: when they are called so, and where that is told.
#include "signaling/calls/audio_trouble.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "signaling/calls/call_json.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using test::kJuliet;
using test::kRomeo;
using test::Scene;
using namespace std::chrono_literals;
using Kind = AudioTrouble::Kind;

SideCounters side(std::uint64_t packets, std::uint64_t silent_ms, std::uint64_t quiet_ms = 0) {
    SideCounters out{.packets = packets, .silent_ms = silent_ms};
    out.quality.quiet_ms = quiet_ms;
    return out;
}

Kind judged(const SideCounters& caller, const SideCounters& callee, std::uint64_t answered_ms = 60'000,
            std::array<bool, 2> held = {}) {
    return trouble_of({caller, callee}, held, answered_ms).kind;
}

TEST(AudioTrouble, HasItsName) {
    EXPECT_EQ(judged(side(1000, 20), side(1000, 40)), Kind::none);
    EXPECT_EQ(judged(side(1000, 20), side(1000, 12'000)), Kind::one_way_to_callee);
    EXPECT_EQ(judged(side(1000, 12'000), side(1000, 20)), Kind::one_way_to_caller);
    EXPECT_EQ(judged(side(1000, 12'000), side(1000, 15'000)), Kind::dead_air);
    EXPECT_EQ(judged(side(1000, 20, 25'000), side(1000, 40, 30'000)), Kind::dead_air) << "packets without sound";
    EXPECT_EQ(judged(side(1000, 20, 25'000), side(1000, 40)), Kind::none) << "one listens";
    EXPECT_EQ(judged(side(1000, 20), side(1000, 7'000)), Kind::none) << "not yet";
}

TEST(AudioTrouble, NothingEverFromOneSideIsToldSooner) {
    EXPECT_EQ(judged(side(300, 20), side(0, 0), 6'000), Kind::one_way_to_callee);
    EXPECT_EQ(judged(side(300, 20), side(0, 0), 4'000), Kind::none);
    EXPECT_EQ(trouble_of({side(300, 20), side(0, 90'000)}, {}, 6'000).ms, 6'000u)
        << "since the answer, not the ringing";
}

TEST(AudioTrouble, AHeldCallIsNone) {
    EXPECT_EQ(judged(side(1000, 20), side(1000, 60'000), 90'000, {true, false}), Kind::none);
}

TEST(AudioTrouble, IsSaidInWords) {
    EXPECT_EQ(to_string({Kind::one_way_to_callee, 42'500}), "one-way audio: nothing comes from the callee for 42 s");
    TroubleBook book;
    book.add({Kind::dead_air, 12'000});
    book.add({Kind::one_way_to_caller, 30'000});
    book.add({Kind::one_way_to_caller, 20'000});
    book.add({});
    EXPECT_EQ(book.text(),
              "one-way audio: nothing comes from the caller for 30 s; dead air: nothing is heard from either side for "
              "12 s");
}

StreamCounters counted(const SideCounters& caller, const SideCounters& callee) {
    return {.stream = "s1", .from = {caller, callee}};
}

TEST(AudioTroubleOfACall, IsShownWhileItLastsAndInTheRecord) {
    Scene scene;
    scene.browser_call("s");
    scene.relay.counters = {counted(side(1000, 20), side(900, 30))};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.list().at(0).trouble, "");
    scene.relay.counters = {counted(side(2000, 20), side(900, 15'000))};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.list().at(0).trouble, "one-way audio: nothing comes from the callee for 15 s");
    scene.relay.counters = {counted(side(3000, 20), side(1400, 20))};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.list().at(0).trouble, "") << "it is over";
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    ASSERT_EQ(scene.host.sounds.size(), 1u);
    EXPECT_EQ(scene.host.sounds.begin()->second.trouble, "one-way audio: nothing comes from the callee for 15 s");
}

TEST(AudioTroubleOfACall, HoldIsHeard) {
    Scene scene;
    scene.browser_call("s");
    scene.send(kJuliet, kRomeo, test::jingle("session-info", "s", "<hold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"));
    scene.relay.counters = {counted(side(2000, 20), side(900, 15'000))};
    scene.pass(10s);
    EXPECT_EQ(scene.controller.list().at(0).trouble, "");
    scene.send(kJuliet, kRomeo, test::jingle("session-info", "s", "<unhold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"));
    scene.pass(10s);
    EXPECT_NE(scene.controller.list().at(0).trouble, "");
}

TEST(CallQuality, OpinionsAndDropsAreShownAndKept) {
    Scene scene;
    scene.browser_call("s");
    auto caller = side(1000, 20), callee = side(900, 30);
    caller.quality.mos = 4.2, caller.quality.r = 110, caller.quality.wideband = true;
    caller.drops = {{"unproven", 7}};
    callee.quality.mos = 3.1, callee.quality.reported = true, callee.quality.reported_mos_cq = 2.9;
    scene.relay.counters = {counted(caller, callee)};
    scene.pass(10s);
    const auto shown = details(scene.controller.list().at(0));
    EXPECT_EQ(shown.at("mos_from_caller"), 4.2);
    EXPECT_EQ(shown.at("mos_from_callee"), 3.1);
    const auto& legs = shown.at("contents").as_array().at(0).at("legs").as_array();
    EXPECT_EQ(legs.at(0).at("drops").at("unproven").to_number<int>(), 7);
    EXPECT_EQ(legs.at(0).at("quality").at("scale"), "G.107.1");
    EXPECT_EQ(legs.at(1).at("quality").at("reported").at("mos_cq"), 2.9);
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    ASSERT_EQ(scene.host.sounds.size(), 1u);
    const auto& sound = scene.host.sounds.begin()->second;
    EXPECT_DOUBLE_EQ(sound.mos_to_callee, 4.2);
    EXPECT_DOUBLE_EQ(sound.mos_to_caller, 3.1);
    const auto kept = details(scene.record(), sound);
    EXPECT_EQ(kept.at("mos_from_caller"), 4.2);
}

}  // namespace
}  // namespace carillon::calls
