/// Calls that the server answers itself: what the caller is told, what the relay is asked, what remains.
#include <gtest/gtest.h>

#include "signaling/calls/endpoints/answer.h"
#include "signaling/calls/endpoints/echo.h"
#include "signaling/calls/endpoints/music.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using test::kRomeo;
using test::Scene;

const std::string kEcho = "echo@calls.montague.example/echo";
constexpr std::string_view kJmi = "urn:xmpp:jingle-message:0";

class EchoHost final : public test::FakeHost {
  public:
    Endpoint* endpoint(const xmpp::Jid& address) override {
        return address.bare().str() == "echo@calls.montague.example" ? &echo_ : nullptr;
    }

  private:
    EchoEndpoint echo_{2};
};

struct EchoScene : Scene {
    EchoScene() { controller.attach(test::kHost, echo); }
    std::string call(const std::string& sid, const std::string& jingle) {
        const auto id = post(kRomeo, kEcho, jingle);
        settle_echo();
        (void)sid;
        return id;
    }
    void settle_echo() {
        while (!echo.answers.empty() || !relay.answers.empty()) {
            auto& queue = echo.answers.empty() ? relay.answers : echo.answers;
            const auto answer = std::move(queue.front());
            queue.pop_front();
            answer();
        }
    }
    std::vector<xmpp::Stanza> routed(std::string_view kind) const {
        std::vector<xmpp::Stanza> out;
        for (const auto& stanza : echo.routed)
            if (stanza.element().name() == kind) out.push_back(stanza);
        return out;
    }
    jingle::Jingle last_jingle() const {
        jingle::Jingle out;
        for (const auto& stanza : echo.routed)
            if (const auto* element = jingle::find_jingle(stanza.element())) out = jingle::parse(*element).value();
        return out;
    }
    EchoHost echo;
};

TEST(EndpointCall, AnswersTheFirstCodecThatItSpeaks) {
    EchoScene scene;
    scene.call("s", test::browser_initiate("s"));
    const auto accept = scene.last_jingle();
    ASSERT_EQ(accept.action, Action::session_accept);
    ASSERT_EQ(accept.contents.size(), 2U);
    const auto& audio = accept.contents[0];
    EXPECT_EQ(audio.payload_types.at(0).name, "opus");
    EXPECT_TRUE(audio.rtcp_mux);
    ASSERT_TRUE(audio.transport.fingerprint);
    EXPECT_EQ(audio.transport.fingerprint->setup, "active");
    EXPECT_EQ(audio.transport.candidates.at(0).ip, "203.0.113.200");
    ASSERT_TRUE(accept.bundle());
    EXPECT_EQ(accept.bundle()->contents.size(), 2U);
    ASSERT_EQ(scene.relay.streams.size(), 1U) << "one bundle, one stream";
    const auto& program = scene.relay.streams[0].setup.program;
    EXPECT_EQ(program.kind, relay::api::Program::Kind::endpoint);
    EXPECT_EQ(program.a.codec, "opus");
    EXPECT_EQ(program.source.kind, relay::api::Source::Kind::echo);
    EXPECT_FALSE(program.returned.empty()) << "video comes back";
    ASSERT_EQ(scene.routed("iq").at(0).type(), "result");
    EXPECT_EQ(scene.routed("iq").at(0).from().str(), kEcho);
}

TEST(EndpointCall, PlainRtpHasOneStreamForEachContent) {
    EchoScene scene;
    scene.call("s", test::raw_session("session-initiate", "s", "192.0.2.7", 40000));
    const auto accept = scene.last_jingle();
    ASSERT_EQ(accept.action, Action::session_accept);
    EXPECT_EQ(accept.contents.at(0).transport.kind, jingle::TransportKind::raw_udp);
    ASSERT_EQ(scene.relay.streams.size(), 1U);
    EXPECT_EQ(scene.relay.streams[0].setup.legs[0].remotes.at(0).port, 40000);
}

TEST(EndpointCall, NoCodecInCommonEndsWithTheReason) {
    EchoScene scene;
    auto offer = test::raw_session("session-initiate", "s", "192.0.2.7", 40000);
    for (const auto* name : {"PCMA", "PCMU", "opus", "G722"})
        for (auto at = offer.find(name); at != std::string::npos; at = offer.find(name)) offer.replace(at, 4, "X999");
    scene.call("s", offer);
    EXPECT_EQ(scene.last_jingle().action, Action::session_terminate);
    EXPECT_EQ(scene.last_jingle().reason.condition, "incompatible-parameters");
    EXPECT_EQ(scene.relay.streams.size(), 0U);
    EXPECT_EQ(scene.controller.size(), 0U);
}

TEST(EndpointCall, PicksUpProposals) {
    EchoScene scene;
    auto message = xmpp::Stanza::message(Scene::jid(kRomeo), Scene::jid("echo@calls.montague.example"), "chat");
    message.element().append(
        test::parse_xml("<propose xmlns='urn:xmpp:jingle-message:0' id='s'><description "
                        "xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"));
    scene.controller.observe(test::kHost, message);
    const auto answers = scene.routed("message");
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_TRUE(answers[0].element().child("ringing", kJmi));
    EXPECT_TRUE(answers[1].element().child("proceed", kJmi));
    EXPECT_EQ(answers[1].from().str(), kEcho);
    EXPECT_EQ(answers[1].to().str(), kRomeo);
    scene.call("s", test::browser_initiate("s"));
    EXPECT_EQ(scene.last_jingle().action, Action::session_accept);
    scene.call("s", test::terminate("s", "success"));
    EXPECT_TRUE(scene.routed("message").at(2).element().child("finish", kJmi));
}

TEST(EndpointCall, TellsTheFiguresWhenItIsOver) {
    EchoScene scene;
    scene.call("s", test::browser_initiate("s"));
    SideCounters from_caller{.packets = 500, .bytes = 40'000, .jitter_ms = 1.5};
    from_caller.expected = 500, from_caller.lost = 5, from_caller.round_trip_ms = 23.4;
    scene.relay.counters = {{.stream = "s1", .from = {from_caller, {.packets = 490, .bytes = 39'000}}}};
    scene.echo.clock_.advance(std::chrono::seconds{10});
    scene.call("s", test::terminate("s", "success"));
    EXPECT_EQ(scene.relay.open_streams(), 0U);
    const auto messages = scene.routed("message");
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].to().str(), kRomeo);
    EXPECT_EQ(messages[0].from().str(), "echo@calls.montague.example");
    const auto body = messages[0].element().child_text("body");
    for (const auto* word : {"10.0 s", "opus", "ice-udp dtls", "500 packets", "1.0 %", "23.4 ms", "490 packets"})
        EXPECT_NE(body.find(word), std::string::npos) << word << " in " << body;
    EXPECT_TRUE(messages[0].element().child("x", "jabber:x:data"));
    EXPECT_EQ(scene.echo.records.begin()->second.back().path, "endpoint");
}

TEST(EndpointCall, OneUserHasTwoAtATime) {
    EchoScene scene;
    for (const auto* sid : {"a", "b", "c"}) scene.call(sid, test::browser_initiate(sid));
    EXPECT_EQ(scene.controller.size(), 2U);
    ASSERT_EQ(scene.echo.errors.size(), 1U);
    EXPECT_EQ(scene.echo.errors[0].second, "resource-constraint");
}

TEST(EndpointCall, ARelayThatRefusesEndsIt) {
    EchoScene scene;
    scene.relay.refuse = true;
    scene.call("s", test::browser_initiate("s"));
    ASSERT_EQ(scene.echo.errors.size(), 1U);
    EXPECT_EQ(scene.echo.errors[0].second, "resource-constraint");
    EXPECT_EQ(scene.controller.size(), 0U);
    EXPECT_TRUE(scene.routed("message").empty());
}

TEST(EndpointCall, AnswersWhatComesLater) {
    EchoScene scene;
    scene.call("s", test::browser_initiate("s"));
    const auto before = scene.routed("iq").size();
    scene.call("s", test::jingle("session-info", "s", ""));
    EXPECT_EQ(scene.routed("iq").back().type(), "result");
    scene.call("s", test::transport_info("s", "0", "fresh", "fresh-password-of-22-ch", ""));
    EXPECT_GT(scene.routed("iq").size(), before + 1);
    for (const auto& iq : scene.routed("iq")) EXPECT_EQ(iq.to().str(), kRomeo) << "nothing goes to the endpoint";
    EXPECT_EQ(scene.last_jingle().action, Action::transport_info) << "the relay restarts, too";
    scene.call("s",
               test::jingle("content-add", "s",
                            test::content("more", test::browser_description(true) + test::ice_transport("abcd", "p"))));
    EXPECT_EQ(scene.last_jingle().action, Action::content_reject);
    EXPECT_EQ(scene.controller.size(), 1U);
}

/// What an endpoint does with its line.
class KnownLine final : public EndpointLine {
  public:
    const xmpp::Jid& caller() const override { return address_; }
    const xmpp::Jid& address() const override { return address_; }
    void set(relay::api::Source source, relay::api::Sink, std::function<void(bool)> done) override {
        sources.push_back(std::move(source));
        done(true);
    }
    void hang_up(const jingle::Reason&) override {}
    void send(xmpp::Stanza) override {}
    std::vector<relay::api::Source> sources;

  private:
    xmpp::Jid address_ = xmpp::Jid::parse(kEcho).value();
};

TEST(EchoEndpoint, GreetsFromAFileAndThenReturnsWhatIsSaid) {
    const auto line = std::make_shared<KnownLine>();
    EchoEndpoint echo{2, "/srv/welcome.opus"};
    const auto call = echo.answer(line).value();
    ASSERT_EQ(call->source().kind, relay::api::Source::Kind::clips);
    EXPECT_EQ(call->source().clips.at(0).file, "/srv/welcome.opus");
    EXPECT_FALSE(call->source().loop);
    ProgramEvent ended;
    ended.kind = ProgramEvent::Kind::source_ended;
    call->on_event(ended);
    call->on_event(ended);
    ASSERT_EQ(line->sources.size(), 1U) << "once";
    EXPECT_EQ(line->sources[0].kind, relay::api::Source::Kind::echo);
}

TEST(MusicEndpoint, PlaysItsFileAgainAndAgain) {
    MusicEndpoint music{"/srv/waltz.wav", 2};
    const auto source = music.answer(std::make_shared<KnownLine>()).value()->source();
    EXPECT_EQ(source.kind, relay::api::Source::Kind::clips);
    EXPECT_EQ(source.clips.at(0).file, "/srv/waltz.wav");
    EXPECT_TRUE(source.loop);
}

}  // namespace
}  // namespace carillon::calls
