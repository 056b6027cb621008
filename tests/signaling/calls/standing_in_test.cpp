/// Calls that somebody answers for a callee who is away, busy or does not answer.
#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using jingle::Action;
using test::kJuliet;
using test::kRomeo;
using test::Scene;

const std::string kBareJuliet = "juliet@capulet.example";
const std::string kMail = "juliet@capulet.example/voicemail";
constexpr std::string_view kJmi = "urn:xmpp:jingle-message:0";

class MailCall final : public EndpointCall {
  public:
    relay::api::Source source() const override { return {}; }
};

class Mail final : public Endpoint {
  public:
    std::string_view name() const override { return "voicemail"; }
    std::string_view title() const override { return "Voicemail"; }
    std::string_view help() const override { return ""; }
    std::size_t calls_per_user() const override { return 2; }
    std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> answer(
        std::shared_ptr<EndpointLine> line) override {
        lines.push_back(std::move(line));
        return std::make_unique<MailCall>();
    }
    std::vector<std::shared_ptr<EndpointLine>> lines;
};

class MailHost final : public test::FakeHost {
  public:
    Endpoint* stand_in(const xmpp::Jid& callee) override {
        return callee.domain() == "capulet.example" ? &mail : nullptr;
    }
    void ask_stand_in(const xmpp::Jid&, const xmpp::Jid&, std::function<void(std::optional<StandIn>)> done) override {
        answers.push_back([this, done] { done(willing); });
    }
    std::optional<StandIn> willing = StandIn{.reachable = true, .after = 20s};
    Mail mail;
};

struct MailScene : Scene {
    MailScene() { controller.attach(test::kHost, mail); }
    void settle_mail() {
        while (!mail.answers.empty() || !relay.answers.empty()) {
            auto& queue = mail.answers.empty() ? relay.answers : mail.answers;
            const auto answer = std::move(queue.front());
            queue.pop_front();
            answer();
        }
    }
    void say(const std::string& from, const std::string& to, const std::string& jingle) {
        post(from, to, jingle);
        settle_mail();
    }
    xmpp::Stanza invite(const std::string& from, const std::string& to, const std::string& inside) {
        auto message = xmpp::Stanza::message(jid(from), jid(to), "chat");
        message.element().append(test::parse_xml(inside));
        return message;
    }
    void propose() {
        controller.observe(test::kHost, invite(kRomeo, kBareJuliet,
                                               "<propose xmlns='urn:xmpp:jingle-message:0' id='s'><description "
                                               "xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"));
        settle_mail();
    }
    void pass_mail(std::chrono::milliseconds time) {
        for (auto gone = 0ms; gone < time; gone += 500ms) {
            mail.clock_.advance(500ms);
            controller.poll();
            settle_mail();
        }
    }
    /// The Jingle IQs to `to`, by action.
    std::vector<Action> told(const std::string& to) const {
        std::vector<Action> out;
        for (const auto& stanza : mail.routed)
            if (const auto* element = jingle::find_jingle(stanza.element()); element && stanza.to().str() == to)
                out.push_back(jingle::parse(*element).value().action);
        return out;
    }
    /// The names of XEP-0353 elements to `to`.
    std::vector<std::string> invited(const std::string& to) const {
        std::vector<std::string> out;
        for (const auto& stanza : mail.routed)
            if (const auto* element = stanza.element().child_in(kJmi); element && stanza.to().str() == to)
                out.push_back(element->name());
        return out;
    }
    const xmpp::Stanza& last_to(const std::string& to) const {
        return *std::find_if(mail.routed.rbegin(), mail.routed.rend(),
                             [&](const auto& stanza) { return stanza.to().str() == to; });
    }
    bool told_error(std::string_view condition) const {
        return std::ranges::any_of(mail.errors, [&](const auto& error) { return error.second == condition; });
    }

    MailHost mail;
};

TEST(StandingIn, AnswersASessionThatNobodyAccepts) {
    MailScene scene;
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(scene.told(kJuliet), std::vector{Action::session_initiate});
    scene.pass_mail(19s);
    EXPECT_TRUE(scene.told(kRomeo).empty());
    scene.pass_mail(2s);
    EXPECT_EQ(scene.told(kJuliet), (std::vector{Action::session_initiate, Action::session_terminate}));
    ASSERT_EQ(scene.told(kRomeo), std::vector{Action::session_accept});
    EXPECT_EQ(scene.last_to(kRomeo).from().str(), kJuliet) << "the caller goes on speaking to whom it called";
    ASSERT_EQ(scene.mail.mail.lines.size(), 1U);
    EXPECT_EQ(scene.mail.mail.lines[0]->address().str(), kJuliet);
    ASSERT_GE(scene.relay.streams.size(), 2U);
    EXPECT_EQ(scene.relay.open_streams(), 1U) << "what was prepared for the two is closed";
    EXPECT_EQ(scene.relay.streams.back().setup.program.kind, relay::api::Program::Kind::endpoint);
    // The initiate was acknowledged by the callee's client, and is not once more.
    for (const auto& stanza : scene.mail.routed) EXPECT_NE(stanza.type(), "result");

    scene.say(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_TRUE(scene.told_error("item-not-found")) << "too late";
    EXPECT_EQ(scene.told(kRomeo).size(), 1U);
    scene.say(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.controller.size(), 0U);
    EXPECT_EQ(scene.relay.open_streams(), 0U);
    EXPECT_EQ(scene.told(kJuliet).size(), 2U) << "the callee's device hears no more of it";
    EXPECT_EQ(scene.mail.records.begin()->second.back().path, "endpoint");
}

TEST(StandingIn, LeavesAnsweredCallsAlone) {
    MailScene scene;
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.pass_mail(10s);
    scene.say(kJuliet, kRomeo, test::browser_accept("s"));
    scene.pass_mail(60s);
    EXPECT_EQ(scene.told(kRomeo), std::vector{Action::session_accept});
    EXPECT_TRUE(scene.mail.mail.lines.empty());
}

TEST(StandingIn, AnswersForTheBusyAndNotForWhoDeclines) {
    MailScene scene;
    scene.say(kRomeo, kJuliet, test::browser_initiate("busy"));
    scene.say(kJuliet, kRomeo, test::terminate("busy", "busy"));
    EXPECT_EQ(scene.told(kRomeo), std::vector{Action::session_accept});
    EXPECT_EQ(scene.mail.routed.at(1).type(), "result") << "of the callee's terminate";
    scene.say(kRomeo, kJuliet, test::browser_initiate("no"));
    scene.say(kJuliet, kRomeo, test::terminate("no", "decline"));
    EXPECT_EQ(scene.told(kRomeo), (std::vector{Action::session_accept, Action::session_terminate}));
    EXPECT_EQ(scene.mail.mail.lines.size(), 1U);
}

TEST(StandingIn, PicksUpProposalsThatNobodyTakes) {
    MailScene scene;
    scene.propose();
    scene.pass_mail(19s);
    EXPECT_TRUE(scene.invited(kRomeo).empty());
    scene.pass_mail(2s);
    EXPECT_EQ(scene.invited(kBareJuliet), std::vector<std::string>{"retract"});
    EXPECT_EQ(scene.invited(kRomeo), (std::vector<std::string>{"ringing", "proceed"}));
    EXPECT_EQ(scene.last_to(kRomeo).from().str(), kMail);
    scene.say(kRomeo, kMail, test::browser_initiate("s"));
    EXPECT_EQ(scene.told(kRomeo), std::vector{Action::session_accept});
    EXPECT_EQ(scene.mail.mail.lines.at(0)->address().str(), kMail);
    EXPECT_TRUE(scene.told(kMail).empty()) << "there is no such device";
}

TEST(StandingIn, DoesNotTakeWhatADeviceHasTaken) {
    MailScene scene;
    scene.propose();
    scene.controller.observe(test::kHost,
                             scene.invite(kJuliet, kRomeo, "<proceed xmlns='urn:xmpp:jingle-message:0' id='s'/>"));
    scene.pass_mail(25s);
    EXPECT_TRUE(scene.invited(kRomeo).empty());
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.say(kJuliet, kRomeo, test::browser_accept("s"));
    scene.pass_mail(30s);
    EXPECT_TRUE(scene.mail.mail.lines.empty());
}

TEST(StandingIn, AnswersAtOnceForWhoIsAway) {
    MailScene scene;
    scene.mail.willing = StandIn{.reachable = false, .after = 0s};
    scene.propose();
    EXPECT_EQ(scene.invited(kRomeo), (std::vector<std::string>{"ringing", "proceed"}));
    // A device whose name the caller remembers, and which is gone.
    scene.mail.bound.erase(kJuliet);
    scene.say(kRomeo, kJuliet, test::browser_initiate("t"));
    ASSERT_EQ(scene.told(kRomeo), std::vector{Action::session_accept});
    EXPECT_EQ(scene.last_to(kRomeo).from().str(), kJuliet);
    EXPECT_TRUE(std::ranges::any_of(scene.mail.routed, [](const auto& stanza) { return stanza.type() == "result"; }));
}

TEST(StandingIn, ADeviceThatIsGoneIsNoReasonWhileOthersAreThere) {
    MailScene scene;
    scene.mail.bound.erase(kJuliet);
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_TRUE(scene.told_error("service-unavailable"));
    EXPECT_TRUE(scene.mail.mail.lines.empty());
}

TEST(StandingIn, NobodyAnswersForWhoDoesNotWantIt) {
    MailScene scene;
    scene.mail.willing.reset();
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.pass_mail(31s);
    EXPECT_EQ(scene.told(kRomeo), std::vector{Action::session_terminate});
    scene.propose();
    scene.pass_mail(31s);
    EXPECT_EQ(scene.invited(kRomeo), std::vector<std::string>{"reject"});
}

TEST(StandingIn, WaitsAsLongAsTheUserSays) {
    MailScene scene;
    scene.mail.willing = StandIn{.reachable = true, .after = 60s};  // longer than a call rings otherwise
    scene.propose();
    scene.pass_mail(59s);
    EXPECT_TRUE(scene.invited(kRomeo).empty());
    scene.pass_mail(2s);
    EXPECT_EQ(scene.invited(kRomeo), (std::vector<std::string>{"ringing", "proceed"}));
}

TEST(StandingIn, TakesProposalsThatAreRejectedForBeingBusy) {
    MailScene scene;
    const std::string busy =
        "<reject xmlns='urn:xmpp:jingle-message:0' id='s'><reason xmlns='urn:xmpp:jingle:1'><busy/></reason></reject>";
    scene.propose();
    scene.controller.busy(test::kHost, scene.invite(kJuliet, kRomeo, busy));
    EXPECT_EQ(scene.invited(kRomeo), (std::vector<std::string>{"ringing", "proceed"})) << "and no reject";
    EXPECT_EQ(scene.invited(kBareJuliet), std::vector<std::string>{"retract"});
}

TEST(StandingIn, WhoIsBusyMayBeQuickerThanWhoStandsIn) {
    for (const bool willing : {true, false}) {
        MailScene scene;
        if (!willing) scene.mail.willing.reset();
        scene.controller.observe(test::kHost, scene.invite(kRomeo, kBareJuliet,
                                                           "<propose xmlns='urn:xmpp:jingle-message:0' id='s'>"
                                                           "<description xmlns='urn:xmpp:jingle:apps:rtp:1' "
                                                           "media='audio'/></propose>"));
        scene.controller.busy(test::kHost, scene.invite(kJuliet, kRomeo,
                                                        "<reject xmlns='urn:xmpp:jingle-message:0' id='s'><reason "
                                                        "xmlns='urn:xmpp:jingle:1'><busy/></reason></reject>"));
        EXPECT_TRUE(scene.invited(kRomeo).empty()) << "it is not known yet";
        scene.settle_mail();
        EXPECT_EQ(scene.invited(kRomeo),
                  willing ? (std::vector<std::string>{"ringing", "proceed"}) : std::vector<std::string>{"reject"});
    }
}

TEST(StandingIn, RejectsGoOnWhereNobodyStandsIn) {
    MailScene scene;
    scene.mail.willing.reset();
    const std::string busy =
        "<reject xmlns='urn:xmpp:jingle-message:0' id='s'><reason xmlns='urn:xmpp:jingle:1'><busy/></reason></reject>";
    scene.propose();
    scene.controller.busy(test::kHost, scene.invite(kJuliet, kRomeo, busy));
    scene.settle_mail();  // somebody is asked once more
    EXPECT_EQ(scene.invited(kRomeo), std::vector<std::string>{"reject"});
    EXPECT_EQ(scene.controller.size(), 0U);
}

TEST(StandingIn, WithoutARelayTheCallerIsTold) {
    MailScene scene;
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.relay.refuse = true;
    scene.pass_mail(21s);
    EXPECT_EQ(scene.told(kRomeo), std::vector{Action::session_terminate});
    EXPECT_EQ(scene.controller.size(), 0U);
    EXPECT_TRUE(scene.mail.errors.empty()) << "the initiate has had its answer";
}

TEST(StandingIn, TheCallerMayHangUpMeanwhile) {
    MailScene scene;
    scene.say(kRomeo, kJuliet, test::browser_initiate("s"));
    for (int i = 0; i < 41; ++i) {
        scene.mail.clock_.advance(500ms);
        scene.controller.poll();  // the relay has not answered yet
    }
    scene.say(kRomeo, kJuliet, test::terminate("s", "cancel"));
    EXPECT_EQ(scene.controller.size(), 0U);
    EXPECT_EQ(scene.relay.open_streams(), 0U);
}

}  // namespace
}  // namespace carillon::calls
