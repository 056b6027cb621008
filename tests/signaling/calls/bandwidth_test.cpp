/// Sides whose line is narrow: what is offered, what is answered, and at which rate.
#include "signaling/calls/bandwidth.h"

#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using test::kJuliet;
using test::kRomeo;
using test::Scene;
using Kind = relay::api::Program::Kind;

std::string raw(std::string_view action, std::string_view types, int port = 40000) {
    return test::jingle(
        action, "s",
        test::content("voice", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>" + std::string{types} +
                                   "</description><transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'><candidate "
                                   "component='1' generation='0' id='r' ip='192.0.2.7' port='" +
                                   std::to_string(port) + "'/></transport>"));
}
const std::string kOpus = "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>";
const std::string kMu = "<payload-type id='0' name='PCMU' clockrate='8000'/>";
const std::string kG722 = "<payload-type id='9' name='G722' clockrate='8000'/>";
std::string as(unsigned kilobits) { return "<bandwidth type='AS'>" + std::to_string(kilobits) + "</bandwidth>"; }

class Narrow : public testing::Test {
  protected:
    void call(const std::string& offer, const std::string& answer) {
        scene.send(kRomeo, kJuliet, raw("session-initiate", offer));
        scene.send(kJuliet, kRomeo, raw("session-accept", answer, 50000));
    }
    bool bridged() const { return scene.relay.streams.at(0).setup.bridged(); }
    const relay::api::Program& program() const { return scene.relay.programs.at(0).second; }
    Scene scene;
};

TEST(Bandwidth, WhatCodecsNeed) {
    EXPECT_EQ(kilobits_of({.id = 0}), 80U);
    EXPECT_EQ(kilobits_of({.id = 9, .name = "G722", .clockrate = 8000}), 80U);
    EXPECT_EQ(kilobits_of({.id = 97, .name = "L16", .clockrate = 16000}), 272U);
    EXPECT_EQ(kilobits_of({.id = 111, .name = "opus", .clockrate = 48000, .channels = 2}), 0U);
    EXPECT_EQ(opus_bitrate_on(40), 19'000U);
    EXPECT_EQ(opus_bitrate_on(10), 6'000U);
}

TEST_F(Narrow, ASideOfTheHostSpeaksOpusThoughTheEndsShareAnother) {
    scene.host.settings_.leg_bandwidth = 40;  // of Romeo's host; Juliet's is not attached here
    call(kMu + kOpus, kMu);
    ASSERT_TRUE(bridged());
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    EXPECT_EQ(program().kind, Kind::transcode);
    EXPECT_EQ(program().a.codec, "opus");
    EXPECT_EQ(program().a.bitrate, 19'000U);
    EXPECT_EQ(program().b.codec, "PCMU");
    const auto told = scene.last(kRomeo).contents.at(0);
    EXPECT_EQ(told.payload_types.at(0).name, "opus");
    EXPECT_EQ(told.payload_types.at(0).parameter("maxaveragebitrate"), "19000") << "so that it sends no more";
    EXPECT_EQ(told.bandwidth, 40U);
}

TEST_F(Narrow, TheCalleesHostCountsForTheCallee) {
    test::FakeHost other;
    other.settings_.leg_bandwidth = 32;
    scene.controller.attach("capulet.example", other);
    call(kMu + kG722, kOpus + kMu);
    ASSERT_TRUE(bridged());
    EXPECT_EQ(program().a.codec, "PCMU");
    EXPECT_EQ(program().b.codec, "opus");
    EXPECT_EQ(program().b.bitrate, 11'000U);
    const auto offered = scene.last(kJuliet).contents.at(0);
    EXPECT_EQ(offered.payload_types.at(0).name, "opus") << "first, though the caller has none";
    EXPECT_EQ(offered.bandwidth, 32U);
    scene.controller.detach("capulet.example");
}

TEST_F(Narrow, ACallerWhoSaysSoIsObeyedWhereItIsWanted) {
    call(kMu + kOpus + as(30), kMu);
    EXPECT_FALSE(bridged()) << "media stay between the ends else";
    Scene obeying;
    obeying.host.settings_.obey_bandwidth = true;
    obeying.send(kRomeo, kJuliet, raw("session-initiate", kMu + kOpus + as(30)));
    obeying.send(kJuliet, kRomeo, raw("session-accept", kMu, 50000));
    ASSERT_TRUE(obeying.relay.streams.at(0).setup.bridged());
    EXPECT_EQ(obeying.relay.programs.at(0).second.a.codec, "opus");
    EXPECT_EQ(obeying.relay.programs.at(0).second.a.bitrate, 9'000U);
}

TEST_F(Narrow, OpusOnBothSidesIsNotDecodedButToldItsRate) {
    scene.host.settings_.leg_bandwidth = 40;
    call(kMu + kOpus, kOpus + kMu);
    ASSERT_TRUE(bridged());
    EXPECT_TRUE(scene.relay.programs.empty());
    const auto offered = scene.to(kJuliet);
    const auto offer = jingle::parse(*jingle::find_jingle(offered.front().element())).value();
    EXPECT_EQ(offer.contents.at(0).payload_types.at(0).parameter("maxaveragebitrate"), "19000");
    EXPECT_EQ(scene.last(kRomeo).contents.at(0).payload_types.at(0).parameter("maxaveragebitrate"), "19000");
}

TEST_F(Narrow, WhereEverythingFitsNothingIsOpened) {
    scene.host.settings_.leg_bandwidth = 80;
    call(kMu + kOpus, kMu);
    EXPECT_FALSE(bridged());
    Scene opus;
    opus.host.settings_.leg_bandwidth = 20;
    opus.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    EXPECT_FALSE(opus.relay.streams.at(0).setup.bridged());
}

TEST_F(Narrow, WhoHasNoOpusSpeaksWhatItHas) {
    scene.host.settings_.leg_bandwidth = 40;
    call(kMu, kMu);
    EXPECT_TRUE(scene.relay.programs.empty());
    EXPECT_EQ(scene.controller.size(), 1U);
    EXPECT_EQ(scene.last(kRomeo).contents.at(0).payload_types.at(0).id, 0U);
}

TEST_F(Narrow, NotWhereNothingIsTranscoded) {
    scene.host.settings_.leg_bandwidth = 40;
    scene.host.settings_.transcode = TranscodeMode::never;
    call(kMu + kOpus, kMu);
    EXPECT_FALSE(bridged());
}

}  // namespace
}  // namespace carillon::calls
