/// Ends that share no codec: what each is offered and told, and when the relay decodes.
#include "signaling/calls/transcoding.h"

#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using test::kJuliet;
using test::kRomeo;
using test::Scene;

constexpr Abilities kRawOnly{.known = true, .ice = false, .raw = true, .dtls = false};

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
const std::string kOpus =
    "<payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='usedtx' "
    "value='1'/></payload-type><payload-type id='101' name='telephone-event' clockrate='8000'/>";
const std::string kMu = "<payload-type id='0' name='PCMU' clockrate='8000'/>";

std::vector<std::string> names(const jingle::Content& content) {
    std::vector<std::string> out;
    for (const auto& type : content.payload_types) out.push_back(std::to_string(type.id) + ' ' + type.name);
    return out;
}

TEST(Transcoding, IsOfferedWhenTheCalleeHasFoundNoCodec) {
    Scene scene;
    scene.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    EXPECT_FALSE(scene.relay.streams.at(0).setup.bridged()) << "nothing is opened that need not be";
    EXPECT_EQ(names(scene.last(kJuliet).contents.at(0)), (std::vector<std::string>{"111 opus", "101 telephone-event"}));
    const auto before = scene.to(kRomeo).size();
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(scene.to(kRomeo).size(), before) << "the caller notices nothing";
    EXPECT_FALSE(scene.relay.streams.at(0).open);
    ASSERT_EQ(scene.relay.streams.size(), 2U);
    EXPECT_EQ(scene.relay.streams[1].setup.program.kind, relay::api::Program::Kind::transcode) << "reserved";
    EXPECT_TRUE(scene.relay.streams[1].setup.program.a.codec.empty());
    const auto again = scene.last(kJuliet);
    EXPECT_EQ(again.action, Action::session_initiate);
    EXPECT_EQ(names(again.contents.at(0)),
              (std::vector<std::string>{"111 opus", "101 telephone-event", "9 G722", "8 PCMA", "0 PCMU", "96 L16"}));
    scene.send(kJuliet, kRomeo, raw("session-accept", kMu, 50000));
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    const auto& program = scene.relay.programs[0].second;
    EXPECT_EQ(program.a.codec, "opus");
    EXPECT_EQ(program.a.payload_type, 111);
    EXPECT_EQ(program.a.telephone_event, 101);
    EXPECT_TRUE(program.a.dtx);
    EXPECT_EQ(program.b.codec, "PCMU");
    EXPECT_FALSE(program.b.telephone_event);
    EXPECT_EQ(names(scene.last(kRomeo).contents.at(0)), (std::vector<std::string>{"111 opus", "101 telephone-event"}));
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().path, "transcode");
    EXPECT_EQ(scene.record().codecs, "opus | PCMU");
    EXPECT_EQ(scene.relay.open_streams(), 0U);
}

TEST(Transcoding, IsTriedOnce) {
    Scene scene;
    scene.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    scene.send(kJuliet, kRomeo, test::terminate("s", "incompatible-parameters"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "incompatible-parameters"));
    EXPECT_EQ(scene.last(kRomeo).action, Action::session_terminate);
    EXPECT_EQ(scene.controller.size(), 0U);
    EXPECT_EQ(scene.relay.open_streams(), 0U);
}

TEST(Transcoding, OtherReasonsAreLastWords) {
    for (const auto* reason : {"decline", "busy", "success", "failed-transport"}) {
        Scene scene;
        scene.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
        scene.send(kJuliet, kRomeo, test::terminate("s", reason));
        EXPECT_EQ(scene.controller.size(), 0U) << reason;
    }
}

TEST(Transcoding, NotWithoutACodecThatTheRelaySpeaks) {
    Scene scene;
    scene.send(kRomeo, kJuliet, raw("session-initiate", "<payload-type id='97' name='speex' clockrate='8000'/>"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(scene.controller.size(), 0U);
}

TEST(Transcoding, NeverMeansNever) {
    Scene scene;
    scene.host.settings_.transcode = TranscodeMode::never;
    scene.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(scene.controller.size(), 0U);
}

TEST(Transcoding, ABridgedOfferIsExtendedAtOnce) {
    Scene scene;
    scene.host.declared[kJuliet] = kRawOnly;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto offer = scene.last(kJuliet).contents.at(0);
    EXPECT_TRUE(std::ranges::any_of(offer.payload_types, [](const auto& type) { return type.name == "L16"; }));
    std::set<unsigned> numbers;
    for (const auto& content : scene.last(kJuliet).contents)
        for (const auto& type : content.payload_types) EXPECT_TRUE(numbers.insert(type.id).second) << type.id;
    EXPECT_EQ(scene.relay.streams.at(0).setup.program.kind, relay::api::Program::Kind::none)
        << "nothing is reserved that may not be needed";
}

TEST(Transcoding, ACodecInCommonIsNotDecoded) {
    Scene scene;
    scene.host.settings_.transcode = TranscodeMode::always;
    scene.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    ASSERT_TRUE(scene.relay.streams.at(0).setup.bridged());
    scene.send(kJuliet, kRomeo, raw("session-accept", kOpus + kMu, 50000));
    EXPECT_TRUE(scene.relay.programs.empty());
    EXPECT_EQ(names(scene.last(kRomeo).contents.at(0)), (std::vector<std::string>{"111 opus", "101 telephone-event"}))
        << "what was added is not the caller's business";
}

TEST(Transcoding, NoFreeTranscoderEndsTheCallWithTheReason) {
    Scene reserved;
    reserved.relay.busy = true;
    reserved.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    reserved.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(reserved.last(kRomeo).action, Action::session_terminate);
    EXPECT_EQ(reserved.last(kRomeo).reason.condition, "media-error");
    EXPECT_EQ(reserved.record().reason, "transcode-refused");
    EXPECT_EQ(reserved.relay.open_streams(), 0U);

    Scene late;
    late.relay.busy = true;
    late.host.settings_.transcode = TranscodeMode::always;
    late.send(kRomeo, kJuliet, raw("session-initiate", kOpus));
    late.send(kJuliet, kRomeo, raw("session-accept", kMu, 50000));
    EXPECT_EQ(late.last(kRomeo).reason.condition, "media-error");
    EXPECT_EQ(late.last(kJuliet).action, Action::session_terminate);
    EXPECT_EQ(late.relay.open_streams(), 0U);
}

}  // namespace
}  // namespace carillon::calls
