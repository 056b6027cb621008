/// What a worker is told of a call that is to be recorded: who sends what by which number, pictures, announcements.
#include "signaling/calls/tapping.h"

#include <gtest/gtest.h>

#include "signaling/calls/transcoding.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using test::kJuliet;
using test::kRomeo;
using test::Scene;
using Names = std::map<std::uint8_t, std::string>;

constexpr Abilities kRawOnly{.known = true, .ice = false, .raw = true, .dtls = false};

/// The relay of other tests, which records as well.
class RecordingRelay final : public MediaRelay {
  public:
    explicit RecordingRelay(test::FakeRelay& others) : others_{others} {}
    void open(const std::string& call, StreamSetup setup, Watcher watch, Opened done) override {
        others_.open(call, std::move(setup), std::move(watch), std::move(done));
    }
    void update(const std::string& call, const std::string& stream, Side side, LegSetup leg, Updated done) override {
        others_.update(call, stream, side, std::move(leg), std::move(done));
    }
    void set_program(const std::string& call, const std::string& stream, relay::api::Program program,
                     Updated done) override {
        others_.set_program(call, stream, std::move(program), std::move(done));
    }
    void count(const std::string& call, Counted done) override { others_.count(call, std::move(done)); }
    void close(const std::string& call, const std::string& stream, Counted done) override {
        others_.close(call, stream, std::move(done));
    }
    void record(const std::string&, const std::string&, const relay::api::RecordingSetup& setup,
                TapDone done) override {
        recordings.push_back(setup);
        done(TapStatus{});
    }
    Place place(const std::string& call) const override { return others_.place(call); }
    void adopt(const std::string& call, const Place& at, const std::vector<std::string>& ids, Watcher watch) override {
        others_.adopt(call, at, ids, std::move(watch));
    }
    std::vector<relay::api::RecordingSetup> recordings;

  private:
    test::FakeRelay& others_;
};

/// Romeo and Juliet, bridged and recorded.
class RecordedScene {
  public:
    RecordedScene() {
        controller.attach(test::kHost, host);
        host.settings_.bridge = BridgeMode::always;
        host.settings_.record = true;
    }
    void send(const std::string& from, const std::string& to, const std::string& jingle) {
        auto iq = xmpp::Stanza::iq("set", "iq" + std::to_string(++next_id_), Scene::jid(from), Scene::jid(to));
        iq.element().append(test::parse_xml(jingle));
        controller.take(test::kHost, std::move(iq));
        while (!host.answers.empty() || !relay.answers.empty()) {
            auto& queue = host.answers.empty() ? relay.answers : host.answers;
            const auto answer = std::move(queue.front());
            queue.pop_front();
            answer();
        }
    }
    void browser_call(const std::string& sid) {
        send(kRomeo, kJuliet, test::browser_initiate(sid));
        send(kJuliet, kRomeo, test::browser_accept(sid));
    }
    const relay::api::RecordingSetup& told() {
        EXPECT_EQ(recording.recordings.size(), 1u);
        return recording.recordings.at(0);
    }
    test::FakeRelay relay;
    RecordingRelay recording{relay};
    test::FakeHost host;
    Controller controller{&recording};

  private:
    int next_id_ = 0;
};

TEST(Recording, KnowsTheCodecsOfSoundAndPictures) {
    RecordedScene scene;
    scene.host.settings_.transcode = TranscodeMode::never;
    scene.browser_call("s");
    const auto& setup = scene.told();
    EXPECT_EQ(setup.from_a.at(111), "opus/48000");
    EXPECT_EQ(setup.from_b.at(111), "opus/48000");
    EXPECT_FALSE(setup.stream.empty());
    EXPECT_EQ(setup.video_stream, setup.stream) << "one transport for both";
    EXPECT_EQ(setup.video_from_a.at(96), "VP8/90000");
    EXPECT_EQ(setup.video_from_b.at(96), "VP8/90000");
    EXPECT_FALSE(setup.announcement) << "off by default";
}

TEST(Recording, LeavesPicturesOutWhenTheSettingSaysSo) {
    RecordedScene scene;
    scene.host.settings_.recording_files.video = false;
    scene.browser_call("s");
    EXPECT_TRUE(scene.told().video_from_a.empty());
    EXPECT_TRUE(scene.told().video_stream.empty());
}

TEST(Recording, IsAnnouncedInWhatEachSideHears) {
    RecordedScene scene;
    scene.host.settings_.recording_files.announcement = "tone";
    scene.browser_call("s");
    const auto& setup = scene.told();
    ASSERT_TRUE(setup.announcement);
    EXPECT_EQ(setup.announcement->tone_hz, 1400u);
    EXPECT_EQ(setup.to_a, setup.from_b);
    EXPECT_EQ(setup.to_b, setup.from_a);
    RecordedScene other;
    other.host.settings_.recording_files.announcement = "/srv/told.opus";
    other.browser_call("s");
    EXPECT_EQ(other.told().announcement->file, "/srv/told.opus");
}

std::string raw(std::string_view action, std::string_view types) {
    return test::jingle(
        action, "s",
        test::content("voice", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>" + std::string{types} +
                                   "</description><transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'><candidate "
                                   "component='1' generation='0' id='r' ip='192.0.2.7' port='40000'/></transport>"));
}

TEST(Recording, OfATranscodedCallHasEachSidesOwnCodec) {
    RecordedScene scene;
    scene.host.declared[kJuliet] = kRawOnly;
    scene.host.settings_.recording_files.announcement = "tone";
    scene.host.settings_.opus_bitrate = 20'000;
    scene.send(kRomeo, kJuliet,
               raw("session-initiate", "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"));
    scene.send(kJuliet, kRomeo, raw("session-accept", "<payload-type id='0' name='PCMU' clockrate='8000'/>"));
    ASSERT_EQ(scene.relay.programs.size(), 1u);
    EXPECT_EQ(scene.relay.programs[0].second.a.bitrate, 20'000u) << "the setting holds for what the relay makes";
    const auto& setup = scene.told();
    EXPECT_EQ(setup.from_a, (Names{{111, "opus/48000"}}));
    EXPECT_EQ(setup.from_b, (Names{{0, "PCMU/8000"}}));
    EXPECT_EQ(setup.to_a, setup.from_a) << "each is spoken to in its own";
    EXPECT_EQ(setup.to_b, setup.from_b);
}

TEST(Rfc3556S2Bandwidth, LimitsWhatIsMadeForThatSide) {
    Scene scene;
    scene.host.declared[kJuliet] = kRawOnly;
    scene.host.settings_.transcode = TranscodeMode::always;
    scene.send(
        kRomeo, kJuliet,
        raw("session-initiate",
            "<payload-type id='111' name='opus' clockrate='48000' channels='2'/><bandwidth type='AS'>37</bandwidth>"));
    scene.send(kJuliet, kRomeo, raw("session-accept", "<payload-type id='0' name='PCMU' clockrate='8000'/>"));
    ASSERT_EQ(scene.relay.programs.size(), 1u);
    EXPECT_EQ(scene.relay.programs[0].second.a.bitrate, 16'000u) << "37 kbit/s, less the heads of 50 packets a second";
}

}  // namespace
}  // namespace carillon::calls
