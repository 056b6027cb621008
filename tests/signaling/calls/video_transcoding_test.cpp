/// Ends that share no video codec: what each is offered and told, and what the relay is asked to do.
#include <gtest/gtest.h>

#include "signaling/calls/call_state.h"
#include "signaling/calls/transcoding.h"
#include "signaling/calls/video_formats.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using test::kJuliet;
using test::kRomeo;
using test::Scene;

const std::string kFeedback =
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='goog-remb'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>";
const std::string kExtensions =
    "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='3' "
    "uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/>"
    "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='4' uri='urn:3gpp:video-orientation'/>"
    "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='urn:ietf:params:rtp-hdrext:toffset'/>";
const std::string kOpus = "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>";
const std::string kMu = "<payload-type id='0' name='PCMU' clockrate='8000'/>";
const std::string kH264 =
    "<payload-type id='102' name='H264' clockrate='90000'><parameter name='packetization-mode' value='1'/>"
    "<parameter name='profile-level-id' value='42e01f'/>" +
    kFeedback +
    "</payload-type><payload-type id='103' name='rtx' clockrate='90000'><parameter name='apt' "
    "value='102'/></payload-type>";
const std::string kVp8 = "<payload-type id='96' name='VP8' clockrate='90000'>" + kFeedback + "</payload-type>";

std::string description(std::string_view media, std::string_view types) {
    return "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='" + std::string{media} + "'>" + std::string{types} +
           (media == "video" ? kExtensions +
                                   "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='7'><parameter name='cname' "
                                   "value='me'/></source>"
                             : std::string{}) +
           "<rtcp-mux/></description>";
}

std::string both(std::string_view action, std::string_view sound, std::string_view video, std::string_view ufrag) {
    const auto transport = test::ice_transport(ufrag, "2TTLxYPhQ9bBvVvpH8mJhSrv");
    return test::jingle(action, "s",
                        test::bundle("0", "1") + test::content("0", description("audio", sound) + transport) +
                            test::content("1", description("video", video) + transport));
}

std::vector<std::string> names(const jingle::Content& content) {
    std::vector<std::string> out;
    for (const auto& type : content.payload_types) out.push_back(std::to_string(type.id) + ' ' + type.name);
    return out;
}

/// The callee refuses the first offer, and answers the second one with those codecs.
void negotiate(Scene& scene, std::string_view sound, std::string_view video) {
    scene.send(kRomeo, kJuliet, both("session-initiate", kOpus, kH264, "aaaa"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    scene.send(kJuliet, kRomeo, both("session-accept", sound, video, "bbbb"));
}

TEST(VideoTranscoding, IsOfferedWhenTheCalleeHasFoundNoCodec) {
    Scene scene;
    scene.send(kRomeo, kJuliet, both("session-initiate", kOpus, kH264, "aaaa"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    const auto offer = scene.last(kJuliet);
    ASSERT_EQ(offer.action, Action::session_initiate);
    const auto& video = offer.contents.at(1);
    EXPECT_EQ(names(video), (std::vector<std::string>{"102 H264", "103 rtx", "98 VP8", "99 VP9"}));
    const auto& vp8 = video.payload_types.at(2);
    EXPECT_TRUE(vp8.takes("nack") && vp8.takes("nack pli") && vp8.takes("ccm fir") && vp8.takes("goog-remb"));
    EXPECT_FALSE(video.payload_types[0].takes("transport-cc")) << "it would miss what the relay makes";
    ASSERT_EQ(video.header_extensions.size(), 1U);
    EXPECT_EQ(video.header_extensions[0].uri, "urn:ietf:params:rtp-hdrext:toffset");
    EXPECT_EQ(test::flatten(scene.to(kJuliet).back().element()).find("ssma"), std::string::npos)
        << "what comes has the relay's SSRC";
    for (const auto& stream : scene.relay.streams)
        EXPECT_TRUE(stream.setup.program.video_a.codec.empty()) << "no place among the pictures is kept";
}

TEST(VideoTranscoding, PicturesAloneAreDecodedWhereTheSoundIsShared) {
    Scene scene;
    negotiate(scene, kOpus, kVp8);
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    const auto& [stream, program] = scene.relay.programs[0];
    EXPECT_EQ(stream, scene.relay.streams.at(2).setup.stream) << "the bundle's transport, which is the sound's";
    EXPECT_TRUE(program.a.codec.empty() && program.b.codec.empty());
    EXPECT_EQ(program.video_a.codec, "H264");
    EXPECT_EQ(program.video_a.payload_type, 102);
    EXPECT_EQ(program.video_a.max_pixels, 3600U * 256);
    EXPECT_TRUE(program.video_a.nack && program.video_a.estimate && !program.video_a.full_intra);
    EXPECT_EQ(program.video_b.codec, "VP8");
    EXPECT_EQ(program.video_b.payload_type, 96);
    EXPECT_EQ(program.returned, (std::vector<std::uint8_t>{111})) << "the sound passes";
    const auto answer = scene.last(kRomeo);
    EXPECT_EQ(names(answer.contents.at(0)), (std::vector<std::string>{"111 opus"}));
    const auto& video = answer.contents.at(1);
    EXPECT_EQ(names(video), (std::vector<std::string>{"102 H264"}));
    EXPECT_EQ(video.payload_types[0].parameter("profile-level-id"), "42e01f");
    EXPECT_TRUE(video.payload_types[0].takes("nack pli"));
    EXPECT_FALSE(video.payload_types[0].takes("transport-cc"));
    EXPECT_TRUE(video.header_extensions.empty());
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().path, "transcode");
    EXPECT_EQ(scene.record().codecs, "opus/48000/2, H264 | VP8");
    EXPECT_EQ(scene.relay.open_streams(), 0U);
}

TEST(VideoTranscoding, SoundAndPicturesOfABundleHaveOneProgram) {
    Scene scene;
    negotiate(scene, kMu, kVp8);
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    const auto& program = scene.relay.programs[0].second;
    EXPECT_EQ(program.a.codec, "opus");
    EXPECT_EQ(program.b.codec, "PCMU");
    EXPECT_EQ(program.video_a.codec, "H264");
    EXPECT_EQ(program.video_b.codec, "VP8");
    EXPECT_TRUE(program.returned.empty());
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().codecs, "opus | PCMU, H264 | VP8");
}

TEST(VideoTranscoding, SoundAloneIsDecodedWhereThePicturesAreShared) {
    Scene scene;
    negotiate(scene, kMu, kH264);
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    const auto& program = scene.relay.programs[0].second;
    EXPECT_EQ(program.a.codec, "opus");
    EXPECT_FALSE(program.has_video());
    EXPECT_EQ(program.returned, (std::vector<std::uint8_t>{102, 103}));
    EXPECT_EQ(names(scene.last(kRomeo).contents.at(1)), (std::vector<std::string>{"102 H264", "103 rtx"}));
}

TEST(VideoTranscoding, AlwaysDecodesNoPicturesThatAreShared) {
    Scene scene;
    scene.host.settings_.transcode = TranscodeMode::always;
    scene.send(kRomeo, kJuliet, both("session-initiate", kOpus, kH264, "aaaa"));
    EXPECT_EQ(names(scene.last(kJuliet).contents.at(1)).size(), 4U) << "extended at once";
    scene.send(kJuliet, kRomeo, both("session-accept", kOpus, kH264, "bbbb"));
    EXPECT_TRUE(scene.relay.programs.empty());
    EXPECT_EQ(names(scene.last(kRomeo).contents.at(1)), (std::vector<std::string>{"102 H264", "103 rtx"}));
}

TEST(VideoTranscoding, WhatTheWorkersDoNotSpeakIsNotOffered) {
    Scene scene;
    scene.relay.video = {"VP8", "VP9"};
    scene.send(kRomeo, kJuliet, both("session-initiate", kOpus, kVp8, "aaaa"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(names(scene.last(kJuliet).contents.at(1)), (std::vector<std::string>{"96 VP8", "99 VP9"}));
    Scene other;
    other.relay.video = {"VP8", "VP9"};
    other.send(kRomeo, kJuliet, both("session-initiate", kOpus, kH264, "aaaa"));
    other.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    EXPECT_EQ(names(other.last(kJuliet).contents.at(1)), (std::vector<std::string>{"102 H264", "103 rtx"}))
        << "nothing is made of what cannot be read";
}

TEST(VideoTranscoding, NoFreeTranscoderEndsTheCallWithTheReason) {
    Scene scene;
    scene.send(kRomeo, kJuliet, both("session-initiate", kOpus, kH264, "aaaa"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "failed-application"));
    scene.relay.busy = true;
    scene.send(kJuliet, kRomeo, both("session-accept", kOpus, kVp8, "bbbb"));
    EXPECT_EQ(scene.last(kRomeo).reason.condition, "media-error");
    EXPECT_EQ(scene.last(kJuliet).action, Action::session_terminate);
    EXPECT_EQ(scene.record().reason, "transcode-refused");
    EXPECT_EQ(scene.relay.open_streams(), 0U);
}

TEST(VideoTranscoding, IsRememberedBeyondTheProcess) {
    Scene scene;
    std::string state;
    scene.host.keep_ = [&](const std::string& text) {
        state = text;
        return std::make_shared<int>(0);
    };
    negotiate(scene, kOpus, kVp8);
    const auto saved = from_state(state);
    ASSERT_TRUE(saved);
    EXPECT_EQ(to_state(*saved->call, saved->place), state);
    const auto& video = saved->call->streams.at(1);
    EXPECT_TRUE(video.transcoded());
    ASSERT_TRUE(video.offered_video);
    EXPECT_EQ(video.offered_video->codec, "H264");
    EXPECT_EQ(video.offered_types.at(0).parameter("profile-level-id"), "42e01f");
    EXPECT_TRUE(video.offered_types[0].takes("nack pli"));
    EXPECT_EQ(saved->call->streams[0].program.video_b.codec, "VP8");
}

TEST(VideoTranscoding, PicturesWithoutABundleHaveAStreamOfTheirOwn) {
    Scene scene;
    const auto one = [](std::string_view action, std::string_view types, std::string_view ufrag) {
        return test::jingle(action, "s",
                            test::content("film", description("video", types) +
                                                      test::ice_transport(ufrag, "2TTLxYPhQ9bBvVvpH8mJhSrv")));
    };
    scene.send(kRomeo, kJuliet, one("session-initiate", kVp8, "aaaa"));
    scene.send(kJuliet, kRomeo, test::terminate("s", "incompatible-parameters"));
    EXPECT_EQ(names(scene.last(kJuliet).contents.at(0)), (std::vector<std::string>{"96 VP8", "97 VP9", "98 H264"}));
    EXPECT_EQ(scene.last(kJuliet).contents[0].payload_types.at(2).parameter("packetization-mode"), "1");
    scene.send(kJuliet, kRomeo, one("session-accept", "<payload-type id='98' name='H264' clockrate='90000'/>", "bbbb"));
    ASSERT_EQ(scene.relay.programs.size(), 1U);
    EXPECT_EQ(scene.relay.programs[0].second.video_b.codec, "H264");
    EXPECT_TRUE(scene.relay.programs[0].second.returned.empty());
}

TEST(VideoFormats, WhatAnEndTakesIsRead) {
    const std::vector<std::string> spoken{"VP8", "VP9", "H264"};
    jingle::Content content;
    content.media = "video";
    content.bandwidth = 1000;
    content.payload_types = {
        {.id = 99, .name = "AV1", .clockrate = 90000},
        {.id = 100, .name = "H264", .clockrate = 90000, .parameters = {{"packetization-mode", "0"}}},
        {.id = 101, .name = "VP9", .clockrate = 90000, .parameters = {{"profile-id", "2"}}},
        {.id = 102, .name = "vp8", .clockrate = 90000, .parameters = {{"max-fs", "1200"}}, .feedback = {"ccm fir"}}};
    const auto format = relay_video(content, spoken);
    ASSERT_TRUE(format);
    EXPECT_EQ(format->payload_type, 102);
    EXPECT_EQ(format->codec, "VP8");
    EXPECT_EQ(format->max_pixels, 640U * 480);
    EXPECT_EQ(format->bitrate, 950'000U);
    EXPECT_TRUE(format->full_intra);
    EXPECT_FALSE(format->nack);
    EXPECT_FALSE(relay_video(content, {}));
}

}  // namespace
}  // namespace carillon::calls
