#include "relay/media/turn_back.h"

#include <gtest/gtest.h>

#include <vector>

namespace carillon::relay {
namespace {

constexpr std::uint32_t kMask = 0x0F0F0F0F;

std::vector<std::byte> words(std::initializer_list<std::uint32_t> values) {
    ByteWriter out;
    for (const auto value : values) out.u32(value);
    return out.release();
}

TEST(TurnBack, RtpGetsAnotherSource) {
    auto packet = words({0x81600001, 100, 0xA, 0xB, 0xDEADBEEF});
    ASSERT_TRUE(turn_back_rtp(packet, kMask));
    EXPECT_EQ(packet, words({0x81600001, 100, 0xA ^ kMask, 0xB ^ kMask, 0xDEADBEEF}));
    auto tiny = words({0x80600001, 100});
    EXPECT_FALSE(turn_back_rtp(tiny, kMask));
}

TEST(TurnBack, WhatIsSaidOfTheStreamHeardIsForTheStreamSent) {
    // SR with one block, PLI, NACK, FIR, REMB: each names the stream heard, 0xA ^ mask.
    constexpr std::uint32_t kSent = 0xA;
    constexpr std::uint32_t kHeard = kSent ^ kMask;
    auto compound = words({0x81C8000C, kSent, 1,      2,          3,          4,     5, kHeard, 6, 7, 8, 9, 10,  //
                           0x81CE0002, kSent, kHeard,                                                            //
                           0x81CD0003, kSent, kHeard, 0x00010000,                                                //
                           0x84CE0004, kSent, 0,      kHeard,     0x01000000,                                    //
                           0x8FCE0005, kSent, 0,      0x52454D42, 0x01000001, kHeard});
    ASSERT_TRUE(turn_back_rtcp(compound, kMask));
    EXPECT_EQ(compound, words({0x81C8000C, kHeard, 1,     2,          3,          4,    5, kSent, 6, 7, 8, 9, 10,  //
                               0x81CE0002, kHeard, kSent,                                                          //
                               0x81CD0003, kHeard, kSent, 0x00010000,                                              //
                               0x84CE0004, kHeard, 0,     kSent,      0x01000000,                                  //
                               0x8FCE0005, kHeard, 0,     0x52454D42, 0x01000001, kSent}));
}

TEST(TurnBack, DescriptionsAndGoodbyes) {
    auto compound = words({0x82CA0005, 0xA, 0x01026162, 0x00000000, 0xB, 0x01006300,  //
                           0x82CB0002, 0xA, 0xB});
    ASSERT_TRUE(turn_back_rtcp(compound, kMask));
    EXPECT_EQ(compound, words({0x82CA0005, 0xA ^ kMask, 0x01026162, 0x00000000, 0xB ^ kMask, 0x01006300,  //
                               0x82CB0002, 0xA ^ kMask, 0xB ^ kMask}));
}

TEST(TurnBack, NothingOutsideOfThePacketIsTouched) {
    for (std::uint32_t type = 0xC8; type <= 0xCF; ++type) {
        for (std::uint32_t count = 0; count < 32; ++count) {
            for (std::size_t size = 0; size < 40; ++size) {
                std::vector<std::byte> packet(size, std::byte{0xFF});
                if (size >= 4) store_u32(packet.data(), 0x80000000 | count << 24 | type << 16 | (size / 4 - 1));
                turn_back_rtcp(packet, kMask);  // under a sanitizer: no overrun
            }
        }
    }
}

}  // namespace
}  // namespace carillon::relay
