/// A side that has put the other one on hold: what the relay is told to play, and to whom.
/// Spec: XEP-0167 §8; XEP-0166 §7.2.3.
#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using test::kJuliet;
using test::kRomeo;
using test::Scene;
using Kind = relay::api::Program::Kind;

std::string description(std::string_view types) {
    return "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>" + std::string{types} + "</description>";
}
std::string raw(std::string_view action, std::string_view types, int port = 40000) {
    return test::jingle(action, "s",
                        test::content("voice", description(types) +
                                                   "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'><candidate "
                                                   "component='1' generation='0' id='r' ip='192.0.2.7' port='" +
                                                   std::to_string(port) + "'/></transport>"));
}
std::string info(std::string_view word) {
    return test::jingle("session-info", "s", "<" + std::string{word} + " xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>");
}
std::string modify(std::string_view senders) {
    return test::jingle("content-modify", "s",
                        "<content creator='initiator' name='voice' senders='" + std::string{senders} + "'/>");
}
const std::string kOpus = "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>";
const std::string kOpus96 = "<payload-type id='96' name='opus' clockrate='48000' channels='2'/>";
const std::string kMu = "<payload-type id='0' name='PCMU' clockrate='8000'/>";
const std::string kNoise = "<payload-type id='13' name='CN' clockrate='8000'/>";

class Holding : public testing::Test {
  protected:
    void call(const std::string& offer, const std::string& answer, BridgeMode bridge = BridgeMode::always) {
        scene.host.settings_.bridge = bridge;
        scene.host.settings_.hold_music = "/srv/music.opus";
        scene.send(kRomeo, kJuliet, raw("session-initiate", offer));
        scene.send(kJuliet, kRomeo, raw("session-accept", answer, 50000));
    }
    const relay::api::Program& program() const { return scene.relay.programs.back().second; }
    std::size_t told() const { return scene.relay.programs.size(); }
    Scene scene;
};

TEST_F(Holding, WhoWaitsHearsMusicUntilItIsTakenBack) {
    call(kMu + kNoise, kMu + kNoise);
    EXPECT_EQ(told(), 0U);
    scene.send(kRomeo, kJuliet, info("hold"));
    ASSERT_EQ(told(), 1U);
    EXPECT_EQ(program().kind, Kind::interlude);
    EXPECT_FALSE(program().instead[0]);
    ASSERT_TRUE(program().instead[1]);
    EXPECT_EQ(program().instead[1]->clips.at(0).file, "/srv/music.opus");
    EXPECT_TRUE(program().instead[1]->loop);
    EXPECT_EQ(program().b.codec, "PCMU");
    EXPECT_EQ(program().b.comfort_noise, 13);
    EXPECT_EQ(program().sound[1], (std::vector<std::uint8_t>{0, 13}));
    EXPECT_NE(scene.seen_by(kJuliet).find("<hold"), std::string::npos) << "its client may show it";
    scene.send(kRomeo, kJuliet, info("hold"));
    EXPECT_EQ(told(), 1U) << "said twice";
    scene.send(kRomeo, kJuliet, info("unhold"));
    ASSERT_EQ(told(), 2U);
    EXPECT_FALSE(program().instead[1]);
    scene.send(kRomeo, kJuliet, info("unhold"));
    EXPECT_EQ(told(), 2U);
}

TEST_F(Holding, EitherSideMayAndBothMay) {
    call(kMu, kMu);
    scene.send(kJuliet, kRomeo, info("hold"));
    EXPECT_TRUE(program().instead[0]);
    EXPECT_FALSE(program().instead[1]);
    scene.send(kRomeo, kJuliet, info("hold"));
    EXPECT_TRUE(program().instead[0] && program().instead[1]);
    scene.send(kJuliet, kRomeo, info("active"));
    EXPECT_FALSE(program().instead[0]);
    EXPECT_TRUE(program().instead[1]);
}

TEST_F(Holding, EachSideIsSpokenToByItsOwnNumbers) {
    call(kOpus + kMu, kOpus96 + kMu);
    scene.send(kJuliet, kRomeo, info("hold"));
    EXPECT_EQ(program().a.payload_type, 111);
    EXPECT_EQ(program().sound[0], (std::vector<std::uint8_t>{111, 0}));
    EXPECT_EQ(program().b.payload_type, 96);
}

TEST_F(Holding, ATranscodeStaysOne) {
    call(kOpus, kMu);
    ASSERT_EQ(told(), 1U);
    EXPECT_EQ(program().kind, Kind::transcode);
    scene.send(kRomeo, kJuliet, info("hold"));
    EXPECT_EQ(program().kind, Kind::transcode);
    EXPECT_TRUE(program().instead[1]);
    EXPECT_EQ(program().b.codec, "PCMU");
    scene.send(kRomeo, kJuliet, info("active"));
    EXPECT_FALSE(program().instead[1]);
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().path, "transcode");
}

TEST_F(Holding, WhoIsMuteIsNoWaiter) {
    call(kMu, kMu);
    scene.send(kRomeo, kJuliet, info("mute"));
    scene.send(kRomeo, kJuliet, info("unmute"));
    EXPECT_EQ(told(), 0U);
}

TEST_F(Holding, WhoTakesNothingMoreHolds) {
    call(kMu, kMu);
    scene.send(kRomeo, kJuliet, modify("none"));
    ASSERT_EQ(told(), 1U);
    EXPECT_TRUE(program().instead[1]);
    EXPECT_EQ(scene.last(kJuliet).contents.at(0).senders, "initiator") << "the relay speaks in its place";
    scene.send(kRomeo, kJuliet, modify("initiator"));
    EXPECT_EQ(told(), 1U);
    scene.send(kRomeo, kJuliet, modify("both"));
    ASSERT_EQ(told(), 2U);
    EXPECT_FALSE(program().instead[1]);
    scene.send(kRomeo, kJuliet, modify("responder"));
    EXPECT_EQ(told(), 2U) << "it only listens";
    scene.send(kJuliet, kRomeo, modify("responder"));
    EXPECT_TRUE(program().instead[0]) << "to Juliet it is the other way round";
}

TEST_F(Holding, EndToEndThereIsNobodyToPlay) {
    call(kMu, kMu, BridgeMode::automatic);
    ASSERT_FALSE(scene.relay.streams.at(0).setup.bridged());
    scene.send(kRomeo, kJuliet, info("hold"));
    scene.send(kRomeo, kJuliet, modify("none"));
    EXPECT_EQ(told(), 0U);
    EXPECT_EQ(scene.last(kJuliet).contents.at(0).senders, "none");
}

TEST_F(Holding, NothingIsPlayedWhereNothingIsSet) {
    scene.host.settings_.bridge = BridgeMode::always;
    scene.send(kRomeo, kJuliet, raw("session-initiate", kMu));
    scene.send(kJuliet, kRomeo, raw("session-accept", kMu, 50000));
    scene.send(kRomeo, kJuliet, info("hold"));
    EXPECT_EQ(told(), 0U);
}

TEST_F(Holding, NothingIsPlayedInACodecThatTheRelayDoesNotSpeak) {
    const std::string speex = "<payload-type id='97' name='speex' clockrate='16000'/>";
    call(speex, speex);
    scene.send(kRomeo, kJuliet, info("hold"));
    EXPECT_EQ(told(), 0U);
}

TEST_F(Holding, WhoWaitsNeedNotSpeak) {
    call(kMu, kMu);
    scene.send(kRomeo, kJuliet, info("hold"));
    scene.relay.streams.at(0).watch("s1", RelayEvent::silent);
    scene.settle();
    EXPECT_EQ(scene.controller.size(), 1U);
}

TEST_F(Holding, OutlivesTheProcess) {
    std::string state;
    scene.host.keep_ = [&](const std::string& text) { return state = text, std::make_shared<int>(0); };
    call(kMu, kMu);
    scene.send(kRomeo, kJuliet, info("hold"));
    const auto back = from_state(state);
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->call->hold[0].word);
    EXPECT_FALSE(back->call->hold[1].on());
    const auto& stream = back->call->streams.at(0);
    EXPECT_EQ(stream.program, program());
    EXPECT_EQ(stream.sound_to[1].format->codec, "PCMU");
    EXPECT_EQ(stream.sound_to[1].types, (std::vector<std::uint8_t>{0}));
}

}  // namespace
}  // namespace carillon::calls
