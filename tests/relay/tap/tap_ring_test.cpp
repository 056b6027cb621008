#include "relay/tap/tap_ring.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace carillon::relay {
namespace {

std::vector<std::byte> packet(std::size_t size, std::size_t number) {
    std::vector<std::byte> out(size, static_cast<std::byte>(number));
    return out;
}

TEST(TapRing, GivesBackWhatWasPutInInOrder) {
    TapRing ring{4096};
    EXPECT_FALSE(ring.front());
    for (std::size_t round = 0; round < 100; ++round) {  // over the end of the memory many times
        for (std::size_t i = 0; i < 5; ++i)
            ASSERT_TRUE(ring.push({.size = 999, .leg = 1, .incoming = i % 2 == 0}, packet(100 + 37 * i, i), 65'535));
        for (std::size_t i = 0; i < 5; ++i) {
            const auto view = ring.front();
            ASSERT_TRUE(view);
            EXPECT_EQ(view->header.size, 999u);
            EXPECT_EQ(view->header.incoming, i % 2 == 0);
            EXPECT_EQ((std::vector<std::byte>{view->data.begin(), view->data.end()}), packet(100 + 37 * i, i));
            ring.pop();
        }
    }
    EXPECT_EQ(ring.dropped(), 0u);
}

TEST(TapRing, WhatDoesNotFitIsDroppedAndCounted) {
    TapRing ring{4096};
    std::size_t taken = 0;
    while (ring.push({}, packet(500, 0), 65'535)) ++taken;
    EXPECT_GT(taken, 4u);
    EXPECT_EQ(ring.dropped(), 1u);
    EXPECT_TRUE(ring.front());
    ring.pop();
    EXPECT_TRUE(ring.push({}, packet(500, 0), 65'535)) << "there is room again";
    EXPECT_FALSE(ring.push({}, packet(5000, 0), 65'535)) << "longer than the ring";
}

TEST(TapRing, KeepsOfADatagramWhatIsWanted) {
    TapRing ring{4096};
    ASSERT_TRUE(ring.push({.size = 1500}, packet(1500, 7), 64));
    const auto view = ring.front();
    ASSERT_TRUE(view);
    EXPECT_EQ(view->data.size(), 64u);
    EXPECT_EQ(view->header.size, 1500u);
}

TEST(TapRing, OneThreadFeedsAndAnotherDrains) {
    TapRing ring{16'384};
    constexpr std::uint32_t kCount = 200'000;
    std::thread producer{[&] {
        for (std::uint32_t i = 0; i < kCount; ++i) ring.push({.size = i}, packet(i % 700, i), 65'535);
        while (!ring.push({.size = kCount}, {}, 0)) std::this_thread::yield();
    }};
    std::uint64_t seen = 0;
    std::uint32_t last = 0;
    bool ordered = true, whole = true;
    while (last != kCount) {
        const auto view = ring.front();
        if (!view) continue;
        ordered = ordered && (seen == 0 || view->header.size > last);
        last = view->header.size;
        if (last != kCount)
            whole = whole && view->data.size() == last % 700 &&
                    (view->data.empty() || view->data.back() == static_cast<std::byte>(last));
        ++seen;
        ring.pop();
    }
    producer.join();
    EXPECT_TRUE(ordered);
    EXPECT_TRUE(whole);
    EXPECT_GE(seen + ring.dropped(), kCount + 1u) << "each packet was seen or counted";
}

}  // namespace
}  // namespace carillon::relay
