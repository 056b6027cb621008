#include "media/rtp/telephone_event.h"

#include <gtest/gtest.h>

namespace carillon::rtp {
namespace {

TEST(Rfc4733S2p3, PayloadIsReadAndWritten) {
    const TelephoneEvent event{.event = 11, .end = true, .volume = 7, .duration = 800};
    const auto payload = event.serialize();
    EXPECT_EQ(std::to_integer<unsigned>(payload[0]), 11U);
    EXPECT_EQ(std::to_integer<unsigned>(payload[1]), 0x87U);
    const auto read = TelephoneEvent::parse(payload);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->end);
    EXPECT_EQ(read->volume, 7);
    EXPECT_EQ(read->duration, 800);
    EXPECT_FALSE(TelephoneEvent::parse(Bytes{payload}.first(3)));
}

TEST(Rfc4733S3p2, EventsAreDigits) {
    EXPECT_EQ(digit_of(0), '0');
    EXPECT_EQ(digit_of(10), '*');
    EXPECT_EQ(digit_of(15), 'D');
    EXPECT_FALSE(digit_of(16)) << "flash";
    EXPECT_EQ(event_of('#'), 11);
    EXPECT_FALSE(event_of('x'));
}

TEST(Rfc4733S2p5p1p2, RepeatsAndLateRepeatsAreOneEvent) {
    EventDetector detector;
    const auto at = [](std::uint32_t timestamp) { return Header{.timestamp = timestamp}; };
    const auto five = TelephoneEvent{.event = 5}.serialize(), six = TelephoneEvent{.event = 6}.serialize();
    EXPECT_EQ(detector.on_packet(at(1000), five), '5');
    EXPECT_FALSE(detector.on_packet(at(1000), five));
    EXPECT_EQ(detector.on_packet(at(2000), six), '6');
    EXPECT_FALSE(detector.on_packet(at(1000), five)) << "came late";
    EXPECT_EQ(detector.on_packet(at(3000), six), '6');
}

}  // namespace
}  // namespace carillon::rtp
