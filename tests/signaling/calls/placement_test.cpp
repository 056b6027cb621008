/// Which worker a call goes to, by what workers tell of themselves.
#include "signaling/calls/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;

std::vector<std::size_t> place(std::vector<Candidate> workers, int calls, unsigned seed = 1) {
    std::mt19937 random{seed};
    std::vector<std::size_t> given(workers.size());
    for (int i = 0; i < calls; ++i) {
        const auto at = choose(workers, random);
        if (!at) break;
        ++given[*at];
        ++workers[*at].pending;  // nobody has told its load anew
    }
    return given;
}

Candidate loaded(double cpu, std::uint64_t sessions = 0) {
    return {.load = {.cpu = cpu, .sessions = sessions}, .pending = 0, .full = false};
}

TEST(Placement, ABurstSpreadsAlthoughNoLoadIsToldMeanwhile) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        const auto given = place({loaded(0), loaded(0), loaded(0), loaded(0)}, 1000, seed);
        for (const auto count : given) {
            EXPECT_GE(count, 230u);
            EXPECT_LE(count, 270u);
        }
    }
}

TEST(Placement, WhoCarriesMoreIsGivenLess) {
    const auto given = place({loaded(0.9, 100), loaded(0.1, 100), loaded(0.1, 100)}, 1000);
    EXPECT_EQ(given[0], 0u) << "few and heavy sessions weigh as much as they cost";
    EXPECT_NEAR(static_cast<double>(given[1]), static_cast<double>(given[2]), 50);
    const auto ringing = place({loaded(0, 1000), loaded(0, 0)}, 1000);
    EXPECT_GE(ringing[1], 950u) << "calls that have no media yet will have some";
}

TEST(Placement, LossDrainAndRefusalsKeepCallsAway) {
    auto lossy = loaded(0.1);
    lossy.load.loss = 0.02;
    EXPECT_EQ(place({lossy, loaded(0.2)}, 100)[0], 0u);
    auto draining = loaded(0);
    draining.load.draining = true;
    EXPECT_EQ(place({draining, loaded(0.99)}, 100)[0], 0u);
    EXPECT_EQ(place({draining}, 100)[0], 0u);
    auto full = loaded(0);
    full.full = true;
    EXPECT_EQ(place({full, loaded(0.99)}, 100)[0], 0u);
    EXPECT_EQ(place({full}, 100)[0], 100u) << "when there is nobody else it is asked once more";
    EXPECT_EQ(place({}, 1).size(), 0u);
}

TEST(LoadMeter, MeasuresBetweenTwoAnswers) {
    LoadMeter meter;
    const SteadyTime start{1h};
    relay::api::WorkerStatus status{.program = {}, .sessions = 3, .packets = 1000, .cpu_s = 5.0, .drops = {}};
    status.threads = 2;
    meter.take(status, start);
    EXPECT_EQ(meter.load().cpu, 0) << "one answer is no measure";
    EXPECT_EQ(meter.load().sessions, 3u);
    status.packets = 2900;
    status.cpu_s = 6.0;
    status.kernel_drops = 100;
    meter.take(status, start + 1s);
    EXPECT_NEAR(meter.load().cpu, 0.5, 1e-9) << "one core of its two";
    EXPECT_NEAR(meter.load().packets, 1900, 1e-6);
    EXPECT_NEAR(meter.load().loss, 0.05, 1e-9);
    // A successor counts from the beginning.
    status = {.program = {}, .packets = 10, .cpu_s = 0.1, .drops = {}};
    meter.take(status, start + 2s);
    status.packets = 20;
    status.cpu_s = 0.2;
    meter.take(status, start + 3s);
    EXPECT_NEAR(meter.load().packets, 10, 1e-6);
    EXPECT_EQ(meter.load().loss, 0);
}

}  // namespace
}  // namespace carillon::calls
