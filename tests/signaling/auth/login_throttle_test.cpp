#include "signaling/auth/login_throttle.h"

#include <gtest/gtest.h>

namespace carillon::auth {
namespace {

using namespace std::chrono_literals;
constexpr auto kHome = "192.0.2.1";
constexpr auto kAway = "198.51.100.9";
const SteadyTime kStart{1h};

TEST(LoginThrottle, RefusesAnAccountAfterSoManyFailuresFromAnywhere) {
    LoginThrottle throttle{{.per_account = 2}};
    throttle.failed("a@x", kHome, kStart);
    EXPECT_TRUE(throttle.allows("a@x", kAway, kStart));
    throttle.failed("a@x", kAway, kStart);
    EXPECT_FALSE(throttle.allows("a@x", "203.0.113.3", kStart));
    EXPECT_TRUE(throttle.allows("b@x", kHome, kStart));
    EXPECT_TRUE(throttle.allows("a@x", "203.0.113.3", kStart + 10min)) << "the window is over";
}

TEST(LoginThrottle, RefusesAnAddressThatTriesManyAccounts) {
    LoginThrottle throttle{{.per_address = 3}};
    for (const auto* user : {"a@x", "b@x", "c@x"}) throttle.failed(user, kAway, kStart);
    EXPECT_FALSE(throttle.allows("d@x", kAway, kStart));
    EXPECT_TRUE(throttle.allows("d@x", kHome, kStart));
}

TEST(LoginThrottle, WhoHasBeenInFromThereIsNotKeptOutByOthers) {
    LoginThrottle throttle{{.per_account = 2, .per_address = 2}};
    throttle.succeeded("a@x", kHome, kStart);
    for (int i = 0; i < 5; ++i) throttle.failed("a@x", kAway, kStart);
    EXPECT_TRUE(throttle.allows("a@x", kHome, kStart));
    EXPECT_FALSE(throttle.allows("a@x", kAway, kStart));
    for (int i = 0; i < 2; ++i) throttle.failed("a@x", kHome, kStart);
    EXPECT_FALSE(throttle.allows("a@x", kHome, kStart)) << "but may not guess without end either";
}

TEST(LoginThrottle, ANetworkOfIpv6IsOneAddress) {
    LoginThrottle throttle{{.per_address = 2}};
    throttle.failed("a@x", "2001:db8:1:2::1", kStart);
    throttle.failed("b@x", "2001:db8:1:2:ffff::9", kStart);
    EXPECT_FALSE(throttle.allows("c@x", "2001:db8:1:2::3", kStart));
    EXPECT_TRUE(throttle.allows("c@x", "2001:db8:1:3::3", kStart));
}

TEST(LoginThrottle, RemembersSoManyAndForgetsTheOldest) {
    LoginThrottle throttle{{.per_account = 1, .remembered = 30}};
    for (int i = 0; i < 1000; ++i) throttle.failed("user" + std::to_string(i) + "@x", kAway, kStart);
    EXPECT_LE(throttle.size(), 30u);
    EXPECT_FALSE(throttle.allows("user999@x", kHome, kStart));
    EXPECT_TRUE(throttle.allows("user0@x", kHome, kStart));
}

}  // namespace
}  // namespace carillon::auth
