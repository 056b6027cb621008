#include "config/base/bytes.h"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ByteReader, ReadsBigEndianAndStopsAtTheEnd) {
    constexpr std::array<std::byte, 5> raw{std::byte{0x01}, std::byte{0x02}, std::byte{0x03}, std::byte{0x04},
                                           std::byte{0xff}};
    ByteReader in{raw};
    EXPECT_EQ(in.u32(), 0x01020304u);
    EXPECT_EQ(in.u16(), std::nullopt);
    EXPECT_EQ(in.size(), 1u) << "a failed read consumes nothing";
    EXPECT_EQ(in.u8(), 0xff);
    EXPECT_TRUE(in.empty());
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
    ByteWriter out;
    out.u8(1);
    out.u24(0x020304);
    out.u64(0x05060708090a0b0c);
    ByteReader in{out.view()};
    EXPECT_EQ(in.u8(), 1);
    EXPECT_EQ(in.u24(), 0x020304u);
    EXPECT_EQ(in.u64(), 0x05060708090a0b0cu);
}

}  // namespace
}  // namespace carillon
