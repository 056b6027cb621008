#include "signaling/xmpp/datetime.h"

#include <gtest/gtest.h>

namespace carillon::xmpp {
namespace {

using namespace std::chrono_literals;

TEST(Xep0082DateTime, IsReadAsItIsWritten) {
    const WallTime time{1'767'323'045'678ms};
    EXPECT_EQ(to_datetime(time), "2026-01-02T03:04:05.678Z");
    EXPECT_EQ(parse_datetime("2026-01-02T03:04:05.678Z"), time);
    EXPECT_EQ(parse_datetime("2026-01-02T03:04:05.678123456Z"), time + 123us);
    EXPECT_EQ(parse_datetime("2026-01-02T05:34:05.678+02:30"), time);
    EXPECT_EQ(parse_datetime("2026-01-01T22:04:05.678-05:00"), time);
    EXPECT_EQ(parse_datetime("2026-01-02T03:04:05Z"), time - 678ms);
}

TEST(Xep0082DateTime, WhatIsNoneIsNothing) {
    for (const auto* text :
         {"", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-13-02T03:04:05Z",
          "2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:05.Z",
          "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+1:00", "2026-01-02T03:04:05+24:00", "1969-12-31T23:59:59Z",
          "1970-01-01T00:00:00+00:01", "-026-01-02T03:04:05Z", "2026-01-02T03:04:05z", "20260102T03:04:05"}) {
        EXPECT_FALSE(parse_datetime(text)) << text;
    }
}

TEST(Xep0082S3p2, TimesBeyondTheClockAreItsLastYear) {
    const auto latest = parse_datetime("2262-01-01T00:00:00Z");
    ASSERT_TRUE(latest);
    EXPECT_EQ(parse_datetime("2262-04-12T00:00:00Z"), latest);
    EXPECT_EQ(parse_datetime("2999-01-01T00:00:00+01:00"), latest);
    EXPECT_EQ(parse_datetime("9999-12-31T23:59:60.999999Z"), latest);
    EXPECT_LT(parse_datetime("2261-12-31T23:59:59Z"), latest);
}

}  // namespace
}  // namespace carillon::xmpp
