/// Cutting and queueing frames.
#include "relay/icetcp/framing.h"

#include <gtest/gtest.h>

#include <vector>

#include "relay/icetcp/frame_queue.h"

namespace carillon::relay::icetcp {
namespace {

std::vector<std::byte> octets(std::initializer_list<int> values) {
    std::vector<std::byte> out;
    for (const int value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

TEST(Rfc4571S2Framing, CutsWhatIsWholeAndWaitsForTheRest) {
    const auto input = octets({0, 2, 0xAA, 0xBB, 0, 3, 1, 2});
    const auto first = first_frame(input, 100);
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->size, 4U);
    EXPECT_EQ((*first)->packet.size(), 2U);
    EXPECT_EQ((*first)->packet[0], std::byte{0xAA});
    const auto second = first_frame(Bytes{input}.subspan(4), 100);
    ASSERT_TRUE(second);
    EXPECT_FALSE(*second);
    EXPECT_FALSE(*first_frame(Bytes{input}.first(1), 100)) << "half of a length";
    EXPECT_FALSE(*first_frame({}, 100));
}

TEST(Rfc4571S2Framing, TakesANullPacketAndRefusesALongOneAtOnce) {
    const auto null = first_frame(octets({0, 0, 9}), 100);
    ASSERT_TRUE(null && *null);
    EXPECT_TRUE((*null)->packet.empty());
    EXPECT_EQ((*null)->size, 2U);
    EXPECT_FALSE(first_frame(octets({0, 101}), 100));
    EXPECT_FALSE(first_frame(octets({0xFF, 0xFF}), 2048));
    EXPECT_TRUE(first_frame(octets({0, 100}), 100)) << "its octets may still come";
}

TEST(FrameQueue, TakesWholeFramesUntilItIsFullAndKeepsRoomForStun) {
    FrameQueue queue;
    const std::vector<std::byte> packet(1200, std::byte{0x80});
    std::size_t taken = 0;
    while (queue.push(packet, true)) ++taken;
    EXPECT_EQ(taken, FrameQueue::kMediaMost / (packet.size() + kHeader));
    EXPECT_LE(queue.size(), FrameQueue::kMediaMost);
    EXPECT_TRUE(queue.push(packet, false));
    while (queue.push(packet, false)) ++taken;
    EXPECT_LE(queue.size(), FrameQueue::kMost);
    EXPECT_FALSE(FrameQueue{}.push(std::vector<std::byte>(65'536), false));
}

TEST(FrameQueue, StaysInOrderHoweverItIsEmptied) {
    FrameQueue queue;
    std::vector<std::byte> out;
    std::uint32_t pushed = 0;
    const auto take = [&](std::size_t count) {
        const auto part = queue.front().first(std::min(count, queue.size()));
        out.insert(out.end(), part.begin(), part.end());
        queue.consume(part.size());
    };
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::byte> packet(1 + pushed % 1400);
        for (auto& octet : packet) octet = static_cast<std::byte>(pushed);
        if (queue.push(packet, false)) ++pushed;
        take(static_cast<std::size_t>(round * 37 % 1000));
    }
    take(queue.size());
    ASSERT_TRUE(queue.empty());
    std::uint32_t at = 0;
    for (Bytes rest{out}; !rest.empty(); ++at) {
        const auto frame = first_frame(rest, 65'535);
        ASSERT_TRUE(frame && *frame);
        ASSERT_EQ((*frame)->packet.size(), 1 + at % 1400);
        ASSERT_EQ((*frame)->packet.back(), static_cast<std::byte>(at));
        rest = rest.subspan((*frame)->size);
    }
    EXPECT_EQ(at, pushed);
}

}  // namespace
}  // namespace carillon::relay::icetcp
