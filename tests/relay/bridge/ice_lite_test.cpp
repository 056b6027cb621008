#include "relay/bridge/ice_lite.h"

#include <gtest/gtest.h>

#include <string>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using stun::Attribute;

const IceCredentials kOurs{"ours", "password-of-the-relay-22"};
const IceCredentials kTheirs{"them", "password-of-the-phone-22"};
const SteadyTime kStart{1h};

Path at(std::uint16_t port, std::string_view ip = "192.0.2.7") { return {0, *Address::parse(ip, port)}; }

struct Ask {
    std::string username = "ours:them";
    std::string password = kOurs.pwd;
    bool use_candidate = false;
    std::optional<Attribute> role;
    std::uint32_t tie = 0;
    std::optional<std::uint16_t> unknown;
};

std::vector<std::byte> check(const Ask& ask = {}) {
    std::vector<std::byte> room(512);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{1}}};
    builder.text(Attribute::username, ask.username).u32(Attribute::priority, 1);
    std::array<std::byte, 8> tie{};
    store_u32(tie.data(), ask.tie);
    if (ask.role) builder.attribute(*ask.role, tie);
    if (ask.use_candidate) builder.attribute(Attribute::use_candidate, {});
    if (ask.unknown) builder.u32(static_cast<Attribute>(*ask.unknown), 0);
    const auto made = builder.integrity(ask.password).fingerprint().finish();
    return {made.begin(), made.end()};
}

/// A lite leg and what it wrote last.
struct Leg {
    explicit Leg(bool controlling = false) : ice{kOurs, controlling, std::uint64_t{100} << 32} {
        ice.remote({kTheirs});
    }
    IceLite::Outcome take(const std::vector<std::byte>& datagram, const Path& from = at(5000),
                          SteadyTime now = kStart) {
        return ice.on_stun(*stun::Message::parse(datagram), from, now, room);
    }
    IceLite ice;
    std::array<std::byte, IceLite::kRoom> room{};
};

unsigned error_code(Bytes reply) {
    const auto value = stun::Message::parse(reply)->attribute(Attribute::error_code);
    if (!value) return 0;
    return std::to_integer<unsigned>((*value)[2]) * 100 + std::to_integer<unsigned>((*value)[3]);
}

TEST(Rfc8445S7p3, AProvenCheckIsAnsweredWithItsSource) {
    for (const auto* ip : {"192.0.2.7", "2001:db8::7"}) {
        Leg leg;
        const auto outcome = leg.take(check(), at(5000, ip));
        ASSERT_EQ(outcome.drop, Drop::none);
        const auto reply = stun::Message::parse(outcome.reply);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->message_class(), stun::Class::success);
        EXPECT_TRUE(reply->integrity_matches(kOurs.pwd));
        EXPECT_EQ(reply->fingerprint_matches(), true);
        const auto mapped =
            stun::parse_xor_address(*reply->attribute(Attribute::xor_mapped_address), reply->transaction_id());
        ASSERT_TRUE(mapped);
        EXPECT_EQ(mapped->port, 5000);
        EXPECT_EQ(mapped->v6, std::string_view{ip}.contains(':'));
        EXPECT_EQ(leg.ice.in_use(), at(5000, ip));
        EXPECT_TRUE(outcome.check.empty());  // a controlled lite agent sends none
    }
}

TEST(Rfc8445S7p3, WhatProvesNothingGetsNoAnswerAndTeachesNothing) {
    Leg leg;
    for (const auto& ask : {Ask{.username = "ours:them", .password = "guessed-password-22-cha"},
                            Ask{.username = "else:them"}, Ask{.username = "ours:else"}, Ask{.username = "ours"}}) {
        const auto outcome = leg.take(check(ask));
        EXPECT_EQ(outcome.drop, Drop::bad_check);
        EXPECT_TRUE(outcome.reply.empty());
    }
    EXPECT_TRUE(leg.ice.in_use().empty());
    EXPECT_FALSE(leg.ice.on_other(at(5000), kStart));
}

TEST(Rfc8489S6p3p1, UnknownRequiredAttributesAreNamed) {
    Leg leg;
    const auto outcome = leg.take(check({.unknown = 0x7F01}));
    EXPECT_EQ(error_code(outcome.reply), 420U);
    const auto list = stun::Message::parse(outcome.reply)->attribute(Attribute::unknown_attributes);
    ASSERT_TRUE(list);
    EXPECT_EQ(load_u16(list->data()), 0x7F01);
}

TEST(Rfc8445S7p3p1p1, TheLargerTieBreakerKeepsControl) {
    Leg keeps{true};
    EXPECT_EQ(error_code(keeps.take(check({.role = Attribute::ice_controlling, .tie = 99})).reply), 487U);
    EXPECT_TRUE(keeps.ice.controlling());
    Leg yields{true};
    EXPECT_EQ(error_code(yields.take(check({.role = Attribute::ice_controlling, .tie = 101})).reply), 0U);
    EXPECT_FALSE(yields.ice.controlling());
}

TEST(Rfc8445S7p3p1p1, TwoControlledAgentsSettleWhoControls) {
    Leg tells;  // ours is smaller: they are told to take control
    Leg takes;
    EXPECT_EQ(error_code(takes.take(check({.role = Attribute::ice_controlled, .tie = 99})).reply), 0U);
    EXPECT_TRUE(takes.ice.controlling());
    EXPECT_EQ(error_code(tells.take(check({.role = Attribute::ice_controlled, .tie = 101})).reply), 487U);
    EXPECT_FALSE(tells.ice.controlling());
}

TEST(Rfc8445S8p1p1, AControllingLegNominatesWhereACheckCameFrom) {
    Leg leg{true};
    const auto outcome = leg.take(check({.role = Attribute::ice_controlled}));
    const auto ours = stun::Message::parse(outcome.check);
    ASSERT_TRUE(ours);
    EXPECT_TRUE(ours->has(Attribute::use_candidate));
    EXPECT_TRUE(ours->has(Attribute::ice_controlling));
    EXPECT_EQ(as_text(*ours->attribute(Attribute::username)), "them:ours");
    EXPECT_TRUE(ours->integrity_matches(kTheirs.pwd));
    EXPECT_FALSE(leg.ice.confirmed());

    std::array<std::byte, 128> buffer{};
    stun::Builder builder{buffer, stun::Class::success, stun::Method::binding, ours->transaction_id()};
    const auto forged = builder.integrity("guessed-password-22-cha").fingerprint().finish();
    EXPECT_EQ(leg.take({forged.begin(), forged.end()}).drop, Drop::bad_check);
    std::array<std::byte, 128> again{};
    stun::Builder honest{again, stun::Class::success, stun::Method::binding, ours->transaction_id()};
    const auto answer = honest.integrity(kTheirs.pwd).fingerprint().finish();
    const std::vector<std::byte> copy{answer.begin(), answer.end()};
    EXPECT_EQ(leg.take(copy, at(6666)).drop, Drop::no_request);  // from elsewhere
    EXPECT_EQ(leg.take(copy).drop, Drop::none);
    EXPECT_TRUE(leg.ice.confirmed());
    EXPECT_TRUE(leg.take(check(), at(5000), kStart + 5s).check.empty());  // nominated: no more of ours
}

TEST(Rfc8445S8p1p1, TheNominatedSourceIsTheOneInUse) {
    Leg leg;
    leg.take(check());
    leg.take(check(), at(6000));
    EXPECT_EQ(leg.ice.in_use(), at(5000));
    leg.take(check({.use_candidate = true}), at(6000));
    EXPECT_EQ(leg.ice.in_use(), at(6000));
}

TEST(Rfc8445S9, AfterARestartBothGenerationsAreAnswered) {
    Leg leg;
    leg.ice.restart({"next", "another-password-of-22-c"});
    EXPECT_EQ(leg.take(check()).drop, Drop::none);
    const auto outcome = leg.take(check({.username = "next:them", .password = "another-password-of-22-c"}), at(7000));
    ASSERT_EQ(outcome.drop, Drop::none);
    EXPECT_TRUE(stun::Message::parse(outcome.reply)->integrity_matches("another-password-of-22-c"));
}

TEST(Rfc7675S5p1, ConsentEndsThirtySecondsAfterTheLastCheck) {
    Leg leg;
    EXPECT_FALSE(leg.ice.consented(kStart));
    for (int i = 0; i < 4; ++i) leg.take(check(), at(5000), kStart + i * 5s);
    EXPECT_TRUE(leg.ice.consented(kStart + 45s));
    EXPECT_FALSE(leg.ice.consented(kStart + 46s));
    leg.take(check(), at(5000), kStart + 50s);
    EXPECT_TRUE(leg.ice.consented(kStart + 50s));
}

TEST(Rfc7675S5p1, AnAgentThatNeverRepeatsItsChecksKeepsItsConsent) {
    Leg leg;
    leg.take(check());
    EXPECT_TRUE(leg.ice.consented(kStart + 10min));
}

}  // namespace
}  // namespace carillon::relay
