/// Calls across the death of the process that controls them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "signaling/calls/call_state.h"
#include "signaling/calls/ledger.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using test::kHost;
using test::kJuliet;
using test::kRomeo;
using test::Scene;
using namespace std::chrono_literals;

/// Keeps what it is given, as a ledger does.
struct Kept {
    std::map<int, std::string> states;
    int next = 0;
    std::shared_ptr<void> keep(const std::string& state) {
        const int number = ++next;
        states[number] = state;
        return {this, [number](Kept* self) { self->states.erase(number); }};
    }
    std::string only() const { return states.size() == 1 ? states.begin()->second : std::string{}; }
};

/// A scene whose calls are kept, and the one after it.
struct Lives {
    Kept kept;
    std::unique_ptr<Scene> first = made();
    std::unique_ptr<Scene> second;

    std::unique_ptr<Scene> made() {
        auto scene = std::make_unique<Scene>();
        scene->host.keep_ = [this](const std::string& state) { return kept.keep(state); };
        return scene;
    }
    /// The first process is killed; nobody is there yet in the second one.
    Scene& next() {
        const auto states = kept.states;
        second = made();
        second->host.bound.clear();
        for (const auto& [number, state] : states) {
            auto saved = from_state(state);
            EXPECT_TRUE(saved) << state;
            if (saved) second->controller.adopt(std::move(*saved));
        }
        return *second;
    }
};

TEST(CallState, ComesBackAsItWas) {
    Lives lives;
    lives.first->browser_call("s");
    const auto text = lives.kept.only();
    ASSERT_FALSE(text.empty());
    const auto saved = from_state(text);
    ASSERT_TRUE(saved);
    EXPECT_EQ(to_state(*saved->call, saved->place), text);
    EXPECT_EQ(saved->place, (MediaRelay::Place{"w1", "0-" + saved->call->record.id}));
    EXPECT_EQ(saved->call->phase, Phase::active);
    EXPECT_EQ(saved->call->caller.str(), kRomeo);
}

TEST(CallState, TellsOfCapturesAndRecordings) {
    Lives lives;
    lives.first->browser_call("s");
    auto saved = from_state(lives.kept.only());
    ASSERT_TRUE(saved);
    saved->call->taps = 2;
    saved->call->recording = "recording-2";
    saved->place.taps = {"0 YQ==", "17 Yg=="};
    const auto again = from_state(to_state(*saved->call, saved->place));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->place, saved->place);
    EXPECT_EQ(again->call->taps, 2u);
    EXPECT_EQ(again->call->recording, "recording-2");
}

std::string sound(std::string_view action, std::string_view type, int port) {
    return test::jingle(
        action, "s",
        test::content("voice", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>" + std::string{type} +
                                   "</description><transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
                                   "<candidate component='1' generation='0' id='r' ip='192.0.2.7' port='" +
                                   std::to_string(port) + "'/></transport>"));
}

TEST(CallState, ATranscodedCallComesBackAsItWas) {
    Lives lives;
    auto& scene = *lives.first;
    scene.send(kRomeo, kJuliet,
               sound("session-initiate", "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>", 40000));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    auto text = lives.kept.only();
    auto saved = from_state(text);
    ASSERT_TRUE(saved) << "offered again, not answered";
    EXPECT_EQ(to_state(*saved->call, saved->place), text);
    EXPECT_TRUE(saved->call->transcodes && saved->call->reserves);
    ASSERT_TRUE(saved->call->streams.at(0).offered_format);
    EXPECT_EQ(saved->call->streams[0].offered_format->codec, "opus");
    EXPECT_FALSE(saved->call->streams[0].added.empty());

    scene.send(kJuliet, kRomeo, sound("session-accept", "<payload-type id='0' name='PCMU' clockrate='8000'/>", 50000));
    text = lives.kept.only();
    saved = from_state(text);
    ASSERT_TRUE(saved);
    EXPECT_EQ(to_state(*saved->call, saved->place), text);
    const auto& stream = saved->call->streams.at(0);
    EXPECT_TRUE(stream.transcoded());
    EXPECT_EQ(stream.program.a.codec, "opus");
    EXPECT_EQ(stream.program.b.codec, "PCMU");
}

TEST(CallState, WhatIsNoStateIsNoCall) {
    Lives lives;
    lives.first->browser_call("s");
    const auto text = lives.kept.only();
    for (const std::string_view bad : {"", "{}", "[]", "null", "{\"version\":2}", "\xff\xfe"})
        EXPECT_FALSE(from_state(bad));
    for (std::size_t length = 0; length < text.size(); length += 7) EXPECT_FALSE(from_state(text.substr(0, length)));
    for (std::size_t at = 0; at < text.size(); at += 3) {
        auto copy = text;
        copy[at] = copy[at] == '1' ? '"' : '1';
        (void)from_state(copy);  // a call or none, but no end of the process
    }
}

TEST(Adopting, AHangUpOfAnAdoptedCallIsHandledAsEver) {
    Lives lives;
    lives.first->browser_call("s");
    auto& scene = lives.next();
    EXPECT_EQ(scene.controller.size(), 1u);
    EXPECT_EQ(scene.relay.open_streams(), 1u);
    EXPECT_EQ(lives.kept.states.size(), 2u) << "the heir keeps it too";
    scene.host.bound = {kRomeo, kJuliet};
    scene.pass(2s);
    // New credentials go to the worker first, as before.
    const auto before = scene.relay.updates.size();
    scene.send(kJuliet, kRomeo, test::transport_info("s", "0", "anew", "anotherPasswordOf24Chars", {}));
    EXPECT_GT(scene.relay.updates.size(), before);
    EXPECT_EQ(scene.last(kRomeo).action, jingle::Action::transport_info);
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.last(kJuliet).action, jingle::Action::session_terminate);
    EXPECT_EQ(scene.record().reason, "success");
    EXPECT_TRUE(scene.record().answered);
    EXPECT_EQ(scene.relay.open_streams(), 0u);
    EXPECT_EQ(scene.controller.size(), 0u);
}

TEST(Adopting, WhoWasAwayHearsOfTheEndWhenItIsBack) {
    Lives lives;
    lives.first->browser_call("s");
    auto& scene = lives.next();
    scene.host.bound = {kRomeo};
    scene.pass(1s);
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_TRUE(scene.to(kJuliet).empty()) << "nobody is there to be told";
    EXPECT_EQ(scene.record().reason, "success");
    scene.host.bound.insert(kJuliet);
    scene.pass(2s);
    ASSERT_EQ(scene.to(kJuliet).size(), 1u);
    EXPECT_EQ(scene.last(kJuliet).action, jingle::Action::session_terminate);
    EXPECT_EQ(scene.last(kJuliet).reason.condition, "success");
    scene.pass(5s);
    EXPECT_EQ(scene.to(kJuliet).size(), 1u);
}

TEST(Adopting, EndsThatNeverComeBackEndByTheSilenceOfTheirMedia) {
    Lives lives;
    lives.first->relay.counters = {
        {.stream = "s1", .from = {SideCounters{.packets = 10}, SideCounters{.packets = 10}}}};
    lives.first->browser_call("s");
    lives.first->pass(10s);
    lives.first->send(kRomeo, kJuliet, test::transport_info("s", "0", "anew", "anotherPasswordOf24Chars", {}));
    auto& scene = lives.next();
    scene.relay.counters = {{.stream = "s1", .from = {SideCounters{.packets = 20}, SideCounters{.packets = 20}}}};
    scene.pass(10min);
    EXPECT_EQ(scene.controller.size(), 1u) << "media flows: the call is on, whoever is away";
    scene.relay.streams.at(0).watch("s1", RelayEvent::silent);
    EXPECT_EQ(scene.controller.size(), 0u);
    EXPECT_EQ(scene.record().reason, "media-timeout");
}

TEST(Adopting, ADirectCallWhoseEndsStayAwayEndsAfterAWhile) {
    Lives lives;
    lives.first->host.settings_.relay = RelayMode::never;
    lives.first->browser_call("s");
    auto& scene = lives.next();
    scene.pass(4min);
    EXPECT_EQ(scene.controller.size(), 1u);
    scene.pass(2min);
    EXPECT_EQ(scene.controller.size(), 0u);
    EXPECT_EQ(scene.record().reason, "gone");
}

TEST(Adopting, StreamsThatAreGoneAreLostAsEver) {
    Lives lives;
    lives.first->host.settings_.relay = RelayMode::always;
    lives.first->browser_call("s");
    auto& scene = lives.next();
    scene.relay.streams.at(0).watch("s1", RelayEvent::lost);
    EXPECT_EQ(scene.record().reason, "relay-lost");
}

TEST(Adopting, ACallThatRangIsOverInTime) {
    Lives lives;
    lives.first->send(kRomeo, kJuliet, test::browser_initiate("s"));
    auto& scene = lives.next();
    scene.host.bound = {kRomeo, kJuliet};
    scene.pass(2s);
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_EQ(scene.controller.list().at(0).state, "active") << "it may be answered yet";
    Lives others;
    others.first->send(kRomeo, kJuliet, test::browser_initiate("s"));
    others.next().pass(31s);
    EXPECT_EQ(others.second->record().reason, "timeout");
}

TEST(CallLedger, GivesEachCallOnceToTheShardThatOwnsIt) {
    std::string name = (std::filesystem::temp_directory_path() / "ledger_test.XXXXXX").string();
    const std::filesystem::path folder{::mkdtemp(name.data())};
    Lives lives;
    lives.first->browser_call("s");
    const auto state = lives.kept.only();
    const auto now = std::chrono::system_clock::now();
    {
        auto ledger = CallLedger::open(folder, 1, now);
        ASSERT_TRUE(ledger) << ledger.error();
        const auto old_state = (*ledger)->keep(0, "not a call", now);
        const auto older = (*ledger)->keep(0, state, now);
        const auto newer = (*ledger)->keep(0, state, now + 1s);
        // Killed: as the files lie there now.
        std::filesystem::copy(folder, folder / "then");
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder / "then") == false);
    auto ledger = CallLedger::open(folder / "then", 4, now + 2s);
    ASSERT_TRUE(ledger);
    EXPECT_EQ((*ledger)->sessions().size(), 1u);
    std::size_t found = 0;
    for (std::size_t shard = 0; shard < 4; ++shard) {
        EXPECT_TRUE((*ledger)->take("another.example", shard).empty());
        for (const auto& saved : (*ledger)->take(kHost, shard)) {
            ++found;
            EXPECT_EQ(pair_hash(saved.call->caller, saved.call->callee) % 4, shard);
        }
        EXPECT_TRUE((*ledger)->take(kHost, shard).empty());
    }
    EXPECT_EQ(found, 1u);
    (*ledger)->close_legacy();
    const auto kept = (*ledger)->keep(3, state, now);
    EXPECT_TRUE(kept);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace carillon::calls
