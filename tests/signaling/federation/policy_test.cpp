/// What holds for which domain, and how fast it is read.
#include "signaling/federation/meter.h"
#include "signaling/federation/settings.h"

#include <gtest/gtest.h>

namespace carillon::federation {
namespace {

using namespace std::chrono_literals;

TEST(FederationPolicy, OfTheNearestDomainConfigured) {
    Options options;
    options.general.streams = 1;
    options.domains["example.net"].streams = 2;
    options.domains["chat.example.net"].streams = 3;
    EXPECT_EQ(options.policy("example.org").streams, 1U);
    EXPECT_EQ(options.policy("example.net").streams, 2U);
    EXPECT_EQ(options.policy("rooms.example.net").streams, 2U);
    EXPECT_EQ(options.policy("chat.example.net").streams, 3U);
    EXPECT_EQ(options.policy("a.b.chat.example.net").streams, 3U);
    EXPECT_EQ(options.policy("notexample.net").streams, 1U);
    EXPECT_EQ(options.policy("net").streams, 1U);
    EXPECT_EQ(options.policy("").streams, 1U);
}

TEST(FederationMeter, MakesAllStreamsOfADomainWaitForWhatTheyHaveReadTogether) {
    DomainPolicy policy;
    policy.stanzas_per_second = 10;
    policy.octets_per_second = 1000;
    Meters meters;
    const auto one = meters.of("there.example", policy);
    const auto other = meters.of("there.example", policy);
    ASSERT_EQ(one, other);
    const net::TokenBucket::Clock::time_point now{1h};
    EXPECT_EQ(one->read(0, 40, now), 0ms);  // four seconds' worth at once
    EXPECT_EQ(other->read(0, 5, now), 500ms);
    EXPECT_EQ(one->read(0, 0, now + 1s), 0ms);
    EXPECT_EQ(one->read(5000, 0, now + 1s), 1000ms);
}

TEST(FederationMeter, WithoutARateNobodyWaits) {
    Meter meter{DomainPolicy{}};
    EXPECT_EQ(meter.read(1'000'000'000, 1'000'000, net::TokenBucket::Clock::time_point{1h}), 0ms);
}

TEST(FederationMeter, CountsStreams) {
    DomainPolicy policy;
    policy.streams = 2;
    const auto meter = std::make_shared<Meter>(policy);
    auto first = Meter::enter(meter);
    const auto second = Meter::enter(meter);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(Meter::enter(meter));
    first.reset();
    EXPECT_TRUE(Meter::enter(meter));
}

}  // namespace
}  // namespace carillon::federation
