#include "signaling/calls/settings.h"

#include <gtest/gtest.h>

namespace carillon::calls {
namespace {

using config::Value;

TEST(CallSettings, ReadsWhatIsWritten) {
    config::Problems problems;
    const auto settings = read_call_settings(Value{Value::Table{{"relay", Value{std::string{"always"}}},
                                                                {"ring_timeout", Value{std::string{"45 s"}}},
                                                                {"calls_per_user", Value{std::int64_t{3}}}}},
                                             problems);
    EXPECT_TRUE(problems.empty());
    EXPECT_EQ(settings.relay, RelayMode::always);
    EXPECT_EQ(settings.ring_timeout, std::chrono::seconds{45});
    EXPECT_EQ(settings.calls_per_user, 3u);
}

TEST(CallSettings, TellsEveryProblemAtOnce) {
    config::Problems problems;
    (void)read_call_settings(Value{Value::Table{{"relay", Value{std::string{"sometimes"}}},
                                                {"ring_timeout", Value{std::string{"0 s"}}},
                                                {"ring_timeuot", Value{std::string{"9 s"}}}}},
                             problems);
    EXPECT_EQ(problems.size(), 3u);
    EXPECT_THROW(throw_on(problems), std::invalid_argument);
}

}  // namespace
}  // namespace carillon::calls
