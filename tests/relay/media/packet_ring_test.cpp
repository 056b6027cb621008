#include "relay/media/packet_ring.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace carillon::relay {
namespace {

std::vector<std::byte> packet(std::size_t size, std::uint8_t fill) { return std::vector(size, std::byte{fill}); }

TEST(PacketRing, KeepsOrderAcrossItsEnd) {
    PacketRing ring{1024};
    std::uint8_t put = 0;
    std::uint8_t taken = 0;
    for (int round = 0; round < 200; ++round) {
        while (ring.push(packet(40 + put % 90, put), put % 2 == 1, SteadyTime{std::chrono::milliseconds{put}})) ++put;
        const auto check = [&](Bytes bytes, bool rtcp, SteadyTime arrival) {
            ASSERT_EQ(bytes.size(), 40U + taken % 90);
            EXPECT_EQ(bytes.front(), std::byte{taken});
            EXPECT_EQ(bytes.back(), std::byte{taken});
            EXPECT_EQ(rtcp, taken % 2 == 1);
            EXPECT_EQ(arrival, SteadyTime{std::chrono::milliseconds{taken}});
        };
        for (int i = 0; i < 3; ++i, ++taken) ASSERT_TRUE(ring.pop(check));
    }
    while (ring.pop([&](Bytes, bool, SteadyTime) { ++taken; })) {
    }
    EXPECT_EQ(taken, put);
    EXPECT_TRUE(ring.empty());
}

TEST(PacketRing, TakesNothingThatItHasNoRoomFor) {
    PacketRing none{0};
    EXPECT_FALSE(none.push(packet(1, 1), false, {}));
    PacketRing ring{256};
    EXPECT_FALSE(ring.push(packet(300, 1), false, {}));
    EXPECT_TRUE(ring.push(packet(240, 1), false, {}));
    EXPECT_FALSE(ring.push({}, false, {}));
    EXPECT_TRUE(ring.pop([](Bytes bytes, bool, SteadyTime) { EXPECT_EQ(bytes.size(), 240U); }));
    EXPECT_TRUE(ring.push({}, false, {}));
}

TEST(PacketRing, CarriesFromOneThreadToAnother) {
    PacketRing ring{65536};
    constexpr std::uint32_t kCount = 20'000;
    std::jthread producer{[&] {
        for (std::uint32_t i = 0; i < kCount;) {
            std::vector<std::byte> bytes(20 + i % 150);
            store_u32(bytes.data(), i);
            store_u32(&bytes[bytes.size() - 4], i);
            if (ring.push(bytes, false, {})) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    }};
    for (std::uint32_t expected = 0; expected < kCount;) {
        const auto one = [&](Bytes bytes, bool, SteadyTime) {
            ASSERT_EQ(bytes.size(), 20 + expected % 150);
            ASSERT_EQ(load_u32(bytes.data()), expected);
            ASSERT_EQ(load_u32(&bytes[bytes.size() - 4]), expected);
            ++expected;
        };
        if (!ring.pop(one)) std::this_thread::yield();
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace carillon::relay
