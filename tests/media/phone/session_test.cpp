#include "media/phone/session.h"

#include <gtest/gtest.h>

#include <deque>

namespace carillon::phone {
namespace {

PayloadType opus(std::uint8_t id = 111) { return {id, "opus", 48000, 2, {}}; }
PayloadType pcmu() { return {0, "PCMU", 8000, 1, {}}; }

TransportInfo ice(std::string ufrag, std::vector<Candidate> candidates = {}) {
    return {TransportKind::ice_udp, ufrag, ufrag + "-password", DtlsFingerprint{"sha-256", "AB", "actpass"},
            std::move(candidates)};
}
Candidate candidate(std::uint16_t port) { return {.id = std::to_string(port), .ip = "192.0.2.1", .port = port}; }

/// One end: keeps what its session says and wants to send.
struct End : SessionObserver {
    std::deque<Jingle> outbox;
    std::vector<std::string> heard;
    std::optional<Agreement> agreed;
    std::vector<Candidate> candidates;
    Session session;

    End(Session::Role role, std::vector<PayloadType> types,
        std::vector<TransportKind> transports = {TransportKind::ice_udp})
        : session{*this,       role,          "sid",
                  "me@here/x", "you@there/y", Preferences{std::move(types), std::move(transports)}} {}

    void send(const Jingle& jingle) override { outbox.push_back(jingle); }
    void on_ringing() override { heard.push_back("ringing"); }
    void on_agreed(const Agreement& agreement) override { agreed = agreement; }
    void on_remote_candidates(const TransportInfo& more) override {
        candidates.insert(candidates.end(), more.candidates.begin(), more.candidates.end());
    }
    void on_remote_restart(const TransportInfo& fresh) override { heard.push_back("restart " + fresh.ufrag); }
    void on_ended(const std::string& reason, bool by_peer) override {
        heard.push_back((by_peer ? "peer " : "own ") + reason);
    }
};

struct Pair {
    End caller{Session::Role::initiator, {opus(), pcmu()}};
    End callee{Session::Role::responder, {opus(), pcmu()}};

    /// Carries everything across, through XML, and answers the first error.
    std::optional<JingleError> run() {
        while (!caller.outbox.empty() || !callee.outbox.empty()) {
            for (auto* from : {&caller, &callee}) {
                if (from->outbox.empty()) continue;
                const auto jingle = parse_jingle(to_element(from->outbox.front()));
                from->outbox.pop_front();
                EXPECT_TRUE(jingle);
                if (auto error = (from == &caller ? callee : caller).session.handle(*jingle)) return error;
            }
        }
        return std::nullopt;
    }
    void establish() {
        caller.session.initiate(ice("a"));
        run();
        callee.session.accept(ice("b"));
        run();
    }
};

TEST(Xep0166Session, OfferRingAcceptTalkEnd) {
    Pair pair;
    pair.caller.session.initiate(ice("caller", {candidate(1)}));
    EXPECT_FALSE(pair.run());
    EXPECT_EQ(pair.callee.session.state(), Session::State::incoming);
    pair.callee.session.ring();
    EXPECT_FALSE(pair.run());
    EXPECT_EQ(pair.caller.heard, std::vector<std::string>{"ringing"});
    pair.callee.session.accept(ice("callee", {candidate(2)}));
    EXPECT_FALSE(pair.run());
    ASSERT_TRUE(pair.caller.agreed && pair.callee.agreed);
    EXPECT_EQ(pair.caller.agreed->codec.name, "opus");
    EXPECT_EQ(pair.caller.agreed->remote.ufrag, "callee");
    EXPECT_EQ(pair.callee.agreed->remote.candidates.at(0).port, 1);
    EXPECT_TRUE(pair.caller.agreed->rtcp_mux);
    pair.caller.session.terminate("success");
    EXPECT_FALSE(pair.run());
    EXPECT_EQ(pair.callee.heard, std::vector<std::string>{"peer success"});
}

TEST(Xep0166Session, TheAnswerKeepsTheOffersPayloadNumbers) {
    Pair pair;
    End caller{Session::Role::initiator, {opus(96)}};
    caller.session.initiate(ice("a"));
    EXPECT_FALSE(pair.callee.session.handle(caller.outbox.front()));
    pair.callee.session.accept(ice("b"));
    const auto& answer = pair.callee.outbox.back();
    ASSERT_EQ(answer.contents.at(0).payload_types.size(), 1U);
    EXPECT_EQ(answer.contents[0].payload_types[0].id, 96);
}

TEST(Xep0176S5, CandidatesFindTheirWayBeforeAndAfterTheAccept) {
    Pair pair;
    pair.caller.session.initiate(ice("caller"));
    pair.caller.session.add_candidates(ice("caller", {candidate(10)}));  // trickled while it rings
    EXPECT_FALSE(pair.run());
    pair.callee.session.add_candidates(ice("callee", {candidate(20)}));  // overtakes the accept
    pair.callee.session.accept(ice("callee", {candidate(21)}));
    EXPECT_FALSE(pair.run());
    ASSERT_TRUE(pair.caller.agreed && pair.callee.agreed);
    EXPECT_EQ(pair.callee.agreed->remote.candidates.at(0).port, 10);
    ASSERT_EQ(pair.caller.agreed->remote.candidates.size(), 2U);
    pair.caller.session.add_candidates(ice("caller", {candidate(11)}));
    EXPECT_FALSE(pair.run());
    ASSERT_EQ(pair.callee.candidates.size(), 1U);
    EXPECT_EQ(pair.callee.candidates[0].port, 11);
}

TEST(Xep0176S5, AFreshUfragIsARestart) {
    Pair pair;
    pair.establish();
    pair.caller.session.add_candidates(ice("a2", {candidate(30)}));
    EXPECT_FALSE(pair.run());
    EXPECT_EQ(pair.callee.heard, std::vector<std::string>{"restart a2"});
    EXPECT_EQ(pair.callee.session.agreement().remote.candidates.at(0).port, 30);
}

TEST(Xep0176S5, CandidatesWaitingForAnAcceptAreBounded) {
    Pair pair;
    pair.caller.session.initiate(ice("a"));
    pair.run();
    for (std::uint16_t i = 1; i < 200; ++i) pair.caller.session.add_candidates(ice("a", {candidate(i)}));
    pair.run();
    EXPECT_EQ(pair.callee.session.agreement().remote.candidates.size(), 64U);
}

TEST(Xep0166Session, VideoStaysOutAndAudioIsTaken) {
    Pair pair;
    pair.caller.session.initiate(ice("a"));
    auto offer = pair.caller.outbox.front();
    pair.caller.outbox.clear();
    auto video = offer.contents[0];
    video.name = "video";
    video.media = "video";
    offer.contents.insert(offer.contents.begin(), video);
    offer.bundle = {"video", "audio"};
    EXPECT_FALSE(pair.callee.session.handle(offer));
    pair.callee.session.accept(ice("b"));
    ASSERT_EQ(pair.callee.outbox.size(), 2U);
    EXPECT_EQ(pair.callee.outbox[0].action, Action::content_remove);
    EXPECT_EQ(pair.callee.outbox[0].contents.at(0).name, "video");
    EXPECT_EQ(pair.callee.outbox[1].action, Action::session_accept);
    EXPECT_EQ(pair.callee.outbox[1].contents.size(), 1U);
    EXPECT_EQ(pair.callee.outbox[1].bundle, std::vector<std::string>{"audio"});
}

TEST(Xep0166Session, LaterContentsAreRejected) {
    Pair pair;
    pair.establish();
    Jingle add;
    add.action = Action::content_add;
    add.sid = "sid";
    add.contents.push_back({.name = "screen"});
    EXPECT_FALSE(pair.callee.session.handle(add));
    ASSERT_EQ(pair.callee.outbox.size(), 1U);
    EXPECT_EQ(pair.callee.outbox[0].action, Action::content_reject);
    EXPECT_EQ(pair.callee.outbox[0].contents.at(0).name, "screen");
}

TEST(Xep0166S7p4, NoCommonGroundEndsWithTheReason) {
    const auto end_of = [](auto change) {
        Pair pair;
        pair.caller.session.initiate(ice("a"));
        auto offer = pair.caller.outbox.front();
        change(offer.contents[0]);
        pair.callee.session.handle(offer);
        return pair.callee.outbox.empty() ? "" : pair.callee.outbox[0].reason;
    };
    EXPECT_EQ(end_of([](Content& c) { c.media = "video"; }), "unsupported-applications");
    EXPECT_EQ(end_of([](Content& c) { c.payload_types = {{97, "speex", 16000, 1, {}}}; }), "failed-application");
    EXPECT_EQ(end_of([](Content& c) { c.transport->kind = TransportKind::raw_udp; }), "unsupported-transports");
    EXPECT_EQ(end_of([](Content& c) { c.transport.reset(); }), "unsupported-transports");
}

TEST(Xep0166S10, WhatComesOutOfOrderIsAnError) {
    Pair pair;
    Jingle jingle;
    jingle.sid = "sid";
    for (const auto action :
         {Action::session_accept, Action::transport_info, Action::content_add, Action::session_info}) {
        jingle.action = action;
        const auto error = pair.callee.session.handle(jingle);
        ASSERT_TRUE(error) << to_string(action);
        EXPECT_EQ(error->jingle_condition, "out-of-order");
    }
    pair.establish();
    jingle.action = Action::session_initiate;
    EXPECT_EQ(pair.callee.session.handle(jingle)->jingle_condition, "out-of-order");
    jingle.action = Action::session_info;
    jingle.info = "levitating";
    EXPECT_EQ(pair.callee.session.handle(jingle)->jingle_condition, "unsupported-info");
    pair.callee.session.terminate("success");
    EXPECT_EQ(pair.callee.session.handle(jingle)->jingle_condition, "unknown-session");
    jingle.sid = "other";
    EXPECT_EQ(pair.caller.session.handle(jingle)->jingle_condition, "unknown-session");
}

TEST(Xep0166Session, AnErrorToTheOfferEndsIt) {
    Pair pair;
    pair.caller.session.initiate(ice("a"));
    pair.caller.session.fail("service-unavailable");
    pair.caller.session.fail("again");
    EXPECT_EQ(pair.caller.heard, std::vector<std::string>{"peer service-unavailable"});
}

TEST(Xep0177, RawUdpIsOfferedWithoutMuxAndBundle) {
    End caller{Session::Role::initiator, {pcmu()}, {TransportKind::raw_udp}};
    caller.session.initiate({.kind = TransportKind::raw_udp, .candidates = {candidate(4000)}});
    EXPECT_FALSE(caller.outbox[0].contents[0].rtcp_mux);
    EXPECT_TRUE(caller.outbox[0].bundle.empty());
}

}  // namespace
}  // namespace carillon::phone
