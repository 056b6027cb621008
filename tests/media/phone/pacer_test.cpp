#include "media/phone/pacer.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>

namespace carillon::phone {
namespace {

using std::chrono::microseconds;
using Clock = Pacer::Clock;

TEST(Pacer, NeverReturnsBeforeTheMoment) {
    Pacer pacer;
    auto due = Clock::now();
    for (int i = 0; i < 50; ++i) {
        due += microseconds{i % 5 * 400};
        pacer.wait(due);
        EXPECT_GE(Clock::now(), due);
    }
    pacer.wait(due - std::chrono::seconds{1});  // long past: at once
}

TEST(Pacer, StaysAwakeAsLongAsThisMachineWakesUpLate) {
    Pacer pacer;
    pacer.learn(microseconds{400});
    EXPECT_EQ(pacer.awake(), microseconds{600});
    pacer.learn(microseconds{10});
    EXPECT_LT(pacer.awake(), microseconds{600});
    EXPECT_GT(pacer.awake(), microseconds{500}) << "one good sleep is not the rule";
    for (int i = 0; i < 1000; ++i) pacer.learn(microseconds{10});
    EXPECT_EQ(pacer.awake(), Pacer::kLeastAwake);
    pacer.learn(std::chrono::seconds{1});
    EXPECT_EQ(pacer.awake(), Pacer::kMostAwake) << "a stall of the machine does not burn a core for ever";
}

TEST(Pacer, LeavesItsThreadAsItWas) {
    const auto policy = sched_getscheduler(0);
    const auto slack = prctl(PR_GET_TIMERSLACK);
    {
        Pacer pacer;
    }
    EXPECT_EQ(sched_getscheduler(0), policy);
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK), slack);
}

}  // namespace
}  // namespace carillon::phone
