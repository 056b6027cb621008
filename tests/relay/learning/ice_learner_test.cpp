#include "relay/learning/ice_learner.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

const std::vector<IceCredentials> kOwn{{"callerUfrag", "caller-password-of-22+"}};
const std::vector<IceCredentials> kPeer{{"calleeUfrag", "callee-password-of-22+"}};

Path path(std::uint8_t last, std::uint16_t port = 5000) {
    Path made{.socket = 0, .address = {.port = port}};
    made.address.ip[3] = last;
    return made;
}

/// A connectivity check as RFC 8445 §7.2.2 makes it, in `room`.
stun::Message check(std::span<std::byte> room, std::string_view username, std::string_view password,
                    bool nominate = false, std::uint8_t id = 1) {
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{id}}};
    builder.text(stun::Attribute::username, username).u32(stun::Attribute::priority, 1);
    if (nominate) builder.attribute(stun::Attribute::use_candidate, {});
    return stun::Message::parse(builder.integrity(password).fingerprint().finish()).value();
}

class IceLearnerTest : public testing::Test {
  protected:
    Drop prove(const Path& from, bool nominate = false) {
        return learner.on_check(check(room, "calleeUfrag:callerUfrag", kPeer[0].pwd, nominate), from, kOwn, kPeer, now);
    }
    std::array<std::byte, 256> room{};
    IceLearner learner;
    SteadyTime now{1h};
};

TEST_F(IceLearnerTest, LearnsFromTheCheckThatTheCredentialsProve) {
    EXPECT_TRUE(learner.in_use().empty());
    EXPECT_EQ(prove(path(1)), Drop::none);
    EXPECT_EQ(learner.in_use(), path(1));
    EXPECT_TRUE(learner.on_other(path(1), now));
}

TEST_F(IceLearnerTest, NothingElseProvesAnAddress) {
    struct Case {
        const char* what;
        std::string username;
        std::string password;
    };
    for (const auto& [what, username, password] :
         {Case{"another password", "calleeUfrag:callerUfrag", "callee-password-of-23+"},
          Case{"the endpoint's own password", "calleeUfrag:callerUfrag", "caller-password-of-22+"},
          Case{"the two the wrong way round", "callerUfrag:calleeUfrag", "callee-password-of-22+"},
          Case{"a strange fragment", "calleeUfrag:stranger", "callee-password-of-22+"},
          Case{"half a user name", "calleeUfrag", "callee-password-of-22+"},
          Case{"none", "", "callee-password-of-22+"}}) {
        EXPECT_EQ(learner.on_check(check(room, username, password), path(9), kOwn, kPeer, now), Drop::bad_check)
            << what;
        EXPECT_TRUE(learner.in_use().empty()) << what;
        EXPECT_FALSE(learner.on_other(path(9), now)) << what;
    }
}

TEST_F(IceLearnerTest, ForgedIntegrityAndFingerprintAreFoundOut) {
    stun::Builder bare{room, stun::Class::request, stun::Method::binding, {}};
    const auto none =
        stun::Message::parse(bare.text(stun::Attribute::username, "calleeUfrag:callerUfrag").finish()).value();
    EXPECT_EQ(learner.on_check(none, path(9), kOwn, kPeer, now), Drop::bad_check) << "without MESSAGE-INTEGRITY";
    auto good = check(room, "calleeUfrag:callerUfrag", kPeer[0].pwd).bytes();
    const_cast<std::byte&>(good.back()) ^= std::byte{1};
    EXPECT_EQ(learner.on_check(stun::Message::parse(good).value(), path(9), kOwn, kPeer, now), Drop::bad_check);
}

TEST_F(IceLearnerTest, ASecondAddressTakesOverByNomination) {
    prove(path(1));
    EXPECT_EQ(prove(path(2)), Drop::none);
    EXPECT_EQ(learner.in_use(), path(1)) << "proven, but the first is alive";
    EXPECT_EQ(prove(path(2), true), Drop::none);
    EXPECT_EQ(learner.in_use(), path(2));
    EXPECT_TRUE(learner.on_other(path(1), now)) << "the first stays proven";
    EXPECT_EQ(learner.in_use(), path(2));
}

TEST_F(IceLearnerTest, APhoneThatChangedNetworkIsFollowedOnceTheOldAddressIsSilent) {
    prove(path(1));
    now += 400ms;
    prove(path(2));
    EXPECT_EQ(learner.in_use(), path(1));
    now += 1100ms;
    prove(path(2));
    EXPECT_EQ(learner.in_use(), path(2));
}

TEST_F(IceLearnerTest, AStrangerCannotPushOutTheAddressInUse) {
    prove(path(1));
    for (std::uint8_t i = 10; i < 60; ++i) prove(path(i));  // only somebody with the password could
    EXPECT_EQ(learner.in_use(), path(1));
    EXPECT_TRUE(learner.proven(path(1)));
}

TEST_F(IceLearnerTest, BothGenerationsOfAnIceRestartAreGood) {
    auto own = kOwn;
    auto peer = kPeer;
    own.push_back({"caller2", "caller-password-2-of-22+"});
    peer.push_back({"callee2", "callee-password-2-of-22+"});
    EXPECT_EQ(learner.on_check(check(room, "callee2:caller2", peer[1].pwd), path(1), own, peer, now), Drop::none);
    EXPECT_EQ(learner.on_check(check(room, "calleeUfrag:callerUfrag", peer[0].pwd), path(1), own, peer, now),
              Drop::none);
    EXPECT_EQ(learner.on_check(check(room, "callee2:caller2", peer[0].pwd), path(1), own, peer, now), Drop::bad_check);
}

TEST_F(IceLearnerTest, AnswersGoBackToWhereTheirRequestCameFrom) {
    learner.remember({std::byte{1}}, path(1));
    learner.remember({std::byte{2}}, path(2));
    EXPECT_EQ(learner.source_of({std::byte{1}}), path(1));
    EXPECT_EQ(learner.source_of({std::byte{2}}), path(2));
    EXPECT_EQ(learner.source_of({std::byte{3}}), std::nullopt);
    for (std::uint8_t i = 10; i < 30; ++i) learner.remember({std::byte{i}}, path(3));
    EXPECT_EQ(learner.source_of({std::byte{1}}), std::nullopt) << "the table is bounded";
}

}  // namespace
}  // namespace carillon::relay
