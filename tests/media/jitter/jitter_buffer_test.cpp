#include "media/jitter/jitter_buffer.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::jitter {
namespace {

using std::chrono::milliseconds;
using State = JitterBuffer::State;
using Push = JitterBuffer::Push;

constexpr std::uint32_t kFrame = 160;  // 20 ms at 8000 Hz

struct Fixture : testing::Test {
    JitterBuffer buffer{8000, Limits{.target = milliseconds{40}, .maximum = milliseconds{200}}};
    std::uint16_t first_sequence = 0;
    std::uint32_t first_timestamp = 0;

    Push push(unsigned index) {
        const std::array payload{static_cast<std::byte>(index)};
        return buffer.push(static_cast<std::uint16_t>(first_sequence + index), first_timestamp + index * kFrame, 0,
                           payload);
    }
    /// The index that plays, or -1 missing, -2 silence, -3 waiting.
    int play() {
        const auto out = buffer.pop();
        if (out.state == State::waiting) return -3;
        buffer.played(kFrame);
        if (out.state == State::missing) return -1;
        if (out.state == State::silence) return -2;
        return std::to_integer<int>(out.payload.at(0));
    }
};
using Jitter = Fixture;

TEST_F(Jitter, GathersTheTargetBeforeItPlays) {
    push(0);
    EXPECT_EQ(play(), -3);
    push(1);
    EXPECT_EQ(play(), -3);
    push(2);
    EXPECT_EQ(play(), 0);
    EXPECT_EQ(play(), 1);
}

TEST_F(Jitter, PutsPacketsInOrderAndDropsDuplicates) {
    for (const unsigned index : {2, 0, 1}) EXPECT_EQ(push(index), Push::queued);
    EXPECT_EQ(push(1), Push::duplicate);
    EXPECT_EQ(play(), 0);
    EXPECT_EQ(play(), 1);
    EXPECT_EQ(play(), 2);
}

TEST_F(Jitter, NamesALostPacketAndRefusesItWhenLate) {
    for (const unsigned index : {0, 1, 3}) push(index);
    EXPECT_EQ(play(), 0);
    EXPECT_EQ(play(), 1);
    EXPECT_EQ(play(), -1);
    EXPECT_EQ(push(2), Push::late);
    EXPECT_EQ(play(), 3);
    EXPECT_EQ(buffer.counters().missing, 1U);
    EXPECT_EQ(buffer.counters().late, 1U);
}

TEST_F(Jitter, AGapOfTimeWithoutAGapOfNumbersIsSilence) {
    std::array payload{std::byte{9}};
    buffer.push(10, 0, 0, payload);
    buffer.push(11, 160, 0, payload);
    buffer.push(12, 5 * 160, 0, payload);
    EXPECT_EQ(play(), 9);
    EXPECT_EQ(play(), 9);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(play(), -2);
    EXPECT_EQ(play(), 9);
    EXPECT_EQ(buffer.counters().missing, 0U);
}

TEST_F(Jitter, RunningDryWaitsInsteadOfSkipping) {
    for (const unsigned index : {0, 1, 2}) push(index);
    for (const int index : {0, 1, 2}) EXPECT_EQ(play(), index);
    EXPECT_EQ(play(), -3);
    EXPECT_EQ(push(3), Push::queued);
    EXPECT_EQ(play(), 3);
}

TEST_F(Jitter, APauseOfTheSenderThatRanDryIsNoDelay) {
    const std::array payload{std::byte{9}};
    for (const unsigned index : {0, 1, 2}) push(index);
    for (const int index : {0, 1, 2}) EXPECT_EQ(play(), index);
    for (int i = 0; i < 18; ++i) {
        EXPECT_EQ(buffer.pop().state, State::waiting);
        buffer.waited(kFrame);
    }
    // 400 ms after the last one, and the next number: 18 of its 20 frames have gone by, the delay is what it was.
    EXPECT_EQ(buffer.push(3, 22 * kFrame, 0, payload), Push::queued);
    EXPECT_EQ(play(), -2);
    const auto out = buffer.pop();
    EXPECT_EQ(out.state, State::frame);
    EXPECT_EQ(out.late, 0U);
}

TEST_F(Jitter, WhatIsLateIsSaidToBe) {
    for (const unsigned index : {0, 1, 2}) push(index);
    for (const int index : {0, 1, 2}) EXPECT_EQ(play(), index);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(buffer.pop().state, State::waiting);
        buffer.waited(kFrame);
    }
    push(3);
    const auto out = buffer.pop();
    EXPECT_EQ(out.state, State::frame);
    EXPECT_EQ(out.late, 3 * kFrame);
    buffer.played(kFrame);
    push(4);
    EXPECT_EQ(buffer.pop().late, 0U) << "told once";
}

TEST_F(Jitter, ANewTargetCountsWhenTheStreamBeginsAgain) {
    buffer.retarget(milliseconds{20});
    push(0);
    EXPECT_EQ(play(), -3);
    EXPECT_FALSE(buffer.playing());
    push(1);
    EXPECT_EQ(play(), 0);
    EXPECT_TRUE(buffer.playing());
    EXPECT_TRUE(buffer.ready());
}

TEST_F(Jitter, DelayHasAMaximum) {
    for (unsigned index = 0; index < 30; ++index) push(index);
    const int first = play();
    EXPECT_GE(first, 18);
    EXPECT_GT(buffer.counters().skipped, 0U);
    EXPECT_EQ(play(), first + 1);
}

TEST_F(Jitter, SequenceAndTimestampWrapAround) {
    first_sequence = 65534;
    first_timestamp = 0xFFFFFFFFU - 200;
    for (unsigned index = 0; index < 5; ++index) EXPECT_EQ(push(index), Push::queued);
    for (int index = 0; index < 5; ++index) EXPECT_EQ(play(), index);
}

TEST_F(Jitter, AFloodIsBounded) {
    JitterBuffer small{8000, Limits{.packets = 10}};
    const std::array payload{std::byte{0}};
    for (unsigned index = 0; index < 100; ++index)
        small.push(static_cast<std::uint16_t>(index), index * 10, 0, payload);
    EXPECT_EQ(small.counters().overflow, 90U);
}

TEST_F(Jitter, ASenderThatRestartsItsClockIsHeardAgain) {
    for (const unsigned index : {0, 1, 2}) push(index);
    EXPECT_EQ(play(), 0);
    first_timestamp = 0x70000000;
    first_sequence = 30000;
    for (const unsigned index : {10, 11, 12}) EXPECT_EQ(push(index), Push::queued);
    EXPECT_EQ(play(), 10);
}

}  // namespace
}  // namespace carillon::jitter
