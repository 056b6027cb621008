#include "signaling/calls/channels.h"

#include <gtest/gtest.h>

#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;

class Xep0278Channels : public testing::Test {
  protected:
    std::expected<Channel, ChannelError> open(const std::string& owner, bool limited = true) {
        std::optional<std::expected<Channel, ChannelError>> answer;
        channels_.open(owner, limited, 60s, [&](auto given) { answer = std::move(given); });
        settle();
        return answer.value();
    }
    void settle() {
        while (!relay_.answers.empty()) {
            const auto answer = std::move(relay_.answers.front());
            relay_.answers.pop_front();
            answer();
        }
    }
    void pass(std::chrono::seconds time) {
        for (auto gone = 0s; gone < time; gone += 1s) {
            clock_.advance(1s);
            channels_.poll();
            settle();
        }
    }

    test::FakeRelay relay_;
    ManualClock clock_;
    Channels channels_{&relay_, clock_, {.per_owner = 2, .total = 5, .expire = 60s}};
};

TEST_F(Xep0278Channels, LocalportIsAAndRemoteportIsB) {
    const auto channel = open("romeo@montague.example");
    ASSERT_TRUE(channel);
    EXPECT_EQ(channel->local_port, 30000);
    EXPECT_EQ(channel->remote_port, 30002);
    EXPECT_TRUE(relay_.streams.at(0).setup.open);
    EXPECT_TRUE(relay_.streams.at(0).setup.rtcp);
}

TEST_F(Xep0278Channels, ExpiresWithoutPacketsOnly) {
    ASSERT_TRUE(open("romeo@montague.example"));
    pass(50s);
    relay_.counters = {{.stream = "channel", .from = {SideCounters{.packets = 10}, {}}}};
    pass(50s);
    EXPECT_EQ(channels_.list().size(), 1u) << "it has carried something";
    pass(70s);
    EXPECT_TRUE(channels_.empty());
    EXPECT_EQ(relay_.open_streams(), 0u);
}

TEST_F(Xep0278Channels, LimitsHold) {
    ASSERT_TRUE(open("romeo@montague.example"));
    ASSERT_TRUE(open("romeo@montague.example"));
    EXPECT_EQ(open("romeo@montague.example").error(), ChannelError::too_many);
    ASSERT_TRUE(open("juliet@montague.example"));
    ASSERT_TRUE(open("operator", false));
    ASSERT_TRUE(open("operator", false));
    EXPECT_EQ(open("operator", false).error(), ChannelError::too_many);
}

TEST_F(Xep0278Channels, RefusalAndDeathAreSeen) {
    relay_.refuse = true;
    EXPECT_EQ(open("romeo@montague.example").error(), ChannelError::no_relay);
    relay_.refuse = false;
    ASSERT_TRUE(open("romeo@montague.example"));
    relay_.streams.at(0).watch("channel", RelayEvent::lost);
    EXPECT_TRUE(channels_.empty());
}

}  // namespace
}  // namespace carillon::calls
