/// One stream of two speakers: numbers, clocks and reports as the end sees them.
#include "relay/media/splice.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

constexpr std::uint32_t kLive = 7, kMade = 99;

Packet rtp(std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc, std::uint8_t type = 0) {
    ByteWriter out;
    out.u8(0x80), out.u8(type), out.u16(sequence), out.u32(timestamp), out.u32(ssrc);
    for (int i = 0; i < 160; ++i) out.u8(0x55);
    return out.release();
}
Packet sender_report(std::uint32_t ssrc, std::uint32_t timestamp, std::uint32_t packets) {
    ByteWriter out;
    out.u32(0x80C8'0006), out.u32(ssrc), out.u32(1), out.u32(2), out.u32(timestamp), out.u32(packets);
    out.u32(packets * 160);
    return out.release();
}
Packet receiver_report(std::uint32_t about, std::uint32_t highest) {
    ByteWriter out;
    out.u32(0x81C9'0007), out.u32(1234), out.u32(about), out.u32(0), out.u32(highest);
    out.u32(0), out.u32(0), out.u32(0);
    return out.release();
}

/// What left, in order.
class Way {
  public:
    Way() {
        Splice::Types types;
        types.set(0), types.set(101);
        splice.set(types, 8000);
    }
    bool live(std::uint16_t number, std::uint32_t time, std::uint32_t ssrc = kLive) {
        auto packet = rtp(number, time, ssrc);
        return splice.live(packet, now) && (sent.push_back(*rtp::Header::parse(packet)), true);
    }
    bool made() {
        auto packet = rtp(made_sequence_++, made_timestamp_, kMade);
        made_timestamp_ += 160;
        return splice.made(packet, now) && (sent.push_back(*rtp::Header::parse(packet)), true);
    }
    /// 20 ms each: the other end goes on in its numbers.
    void talk(int packets) {
        for (int i = 0; i < packets; ++i, now += 20ms) live(sequence++, timestamp += 160);
    }
    void music(int packets) {
        for (int i = 0; i < packets; ++i, now += 20ms) made();
    }
    void expect_one_stream() const {
        for (std::size_t i = 1; i < sent.size(); ++i) {
            ASSERT_EQ(sent[i].ssrc, sent[0].ssrc) << i;
            ASSERT_EQ(sent[i].sequence.value, static_cast<std::uint16_t>(sent[i - 1].sequence.value + 1)) << i;
            ASSERT_EQ(sent[i].timestamp, sent[i - 1].timestamp + 160) << i;
        }
    }

    Splice splice;
    std::vector<rtp::Header> sent;
    SteadyTime now{1h};
    std::uint16_t sequence = 65'500;
    std::uint32_t timestamp = 0xFFFF'F000;

  private:
    std::uint16_t made_sequence_ = 400;
    std::uint32_t made_timestamp_ = 1'000'000;
};

TEST(Splice, TheEndHearsOneStream) {
    Way way;
    way.talk(20);
    way.splice.play(true);
    way.music(100);  // the other end has stopped sending
    way.splice.play(false);
    way.talk(50);
    way.splice.play(true);
    way.music(10);
    way.splice.play(false);
    way.talk(50);
    way.expect_one_stream();
    ASSERT_EQ(way.sent.size(), 230U);
    EXPECT_EQ(way.sent[0].ssrc, kLive);
    for (const std::size_t i : {20U, 120U, 170U, 180U}) EXPECT_TRUE(way.sent[i].marker) << i;
    EXPECT_FALSE(way.sent[21].marker);
}

TEST(Splice, WhatTheOtherEndSaysMeanwhileIsNotHeard) {
    Way way;
    way.talk(20);
    way.splice.play(true);
    for (int i = 0; i < 100; ++i, way.now += 20ms) {
        EXPECT_FALSE(way.live(way.sequence++, way.timestamp += 160));
        EXPECT_TRUE(way.made());
    }
    way.splice.play(false);
    EXPECT_FALSE(way.made()) << "what is still under way from the media thread";
    way.talk(50);
    way.expect_one_stream();
    EXPECT_EQ(way.sent.size(), 170U);
}

TEST(Splice, BeginsWhereTheStreamStands) {
    Way way;
    way.splice.begin({.ssrc = kLive, .sequence = 10, .timestamp = 5000, .at = way.now});
    way.now += 60ms;
    way.splice.play(true);
    way.made();
    ASSERT_EQ(way.sent.size(), 1U);
    EXPECT_EQ(way.sent[0].ssrc, kLive);
    EXPECT_EQ(way.sent[0].sequence.value, 11);
    EXPECT_EQ(way.sent[0].timestamp, 5000U + 480);
}

TEST(Splice, ASuccessorGoesOnWhereItStood) {
    Way before;
    before.talk(10);
    EXPECT_FALSE(before.splice.stands()) << "its numbers are the other end's";
    before.splice.play(true);
    before.music(50);
    for (const bool playing : {true, false}) {
        before.splice.play(playing);
        playing ? before.music(10) : before.talk(10);
        const auto stood = before.splice.stands();
        ASSERT_TRUE(stood);
        Way after;
        after.sent = before.sent;
        after.now = before.now;
        after.sequence = before.sequence;
        after.timestamp = before.timestamp;
        after.splice.play(playing);
        after.splice.go_on(*stood);
        playing ? after.music(10) : after.talk(10);
        after.splice.play(!playing);
        playing ? after.talk(10) : after.music(10);
        after.expect_one_stream();
    }
}

TEST(Splice, OtherStreamsOfTheTransportPass) {
    Way way;
    way.talk(5);
    way.splice.play(true);
    auto video = rtp(1, 2, 3, 96);
    const auto before = video;
    EXPECT_TRUE(way.splice.live(video, way.now));
    EXPECT_EQ(video, before);
    EXPECT_FALSE(way.live(way.sequence, way.timestamp, 8)) << "whoever speaks under a payload type of the sound";
}

TEST(Splice, WithoutMusicNothingChanges) {
    Way way;
    way.talk(5);
    way.splice.play(true);
    way.splice.play(false);
    way.live(200, 7000);
    EXPECT_EQ(way.sent.back().sequence.value, 200);
    EXPECT_EQ(way.sent.back().timestamp, 7000U);
}

TEST(Splice, NobodyHasSpokenYet) {
    Way way;
    way.splice.play(true);
    way.music(3);
    EXPECT_EQ(way.sent[0].ssrc, kMade);
    EXPECT_TRUE(way.sent[0].marker);
    way.expect_one_stream();
    way.splice.play(false);
    way.live(9, 1000);
    EXPECT_EQ(way.sent.back().ssrc, kLive) << "a stream of its own";
    EXPECT_EQ(way.sent.back().sequence.value, 9);
}

TEST(Splice, AnotherStreamOfTheOtherEndIsTaken) {
    Way way;
    way.talk(5);
    way.splice.play(true);
    way.music(5);
    way.splice.play(false);
    way.talk(1);
    EXPECT_TRUE(way.live(1, 2, 70));
    EXPECT_EQ(way.sent.back().ssrc, 70U);
    EXPECT_EQ(way.sent.back().sequence.value, 1);
    EXPECT_FALSE(way.live(way.sequence, way.timestamp)) << "its numbers have been used by others";
}

/// RFC 3711 §3.3.1: whatever is lost, late, twice or restarted.
TEST(Splice, NoNumberIsUsedForTwoPackets) {
    std::mt19937 random{4711};
    for (int run = 0; run < 20; ++run) {
        Way way;
        std::map<std::pair<std::uint32_t, std::uint32_t>, Packet> used;
        std::uint64_t number = 60'000;
        std::uint64_t highest = 0;
        std::uint16_t cycle_low = 0;
        std::uint32_t cycles = 0;
        const auto check = [&](const Packet& packet, std::byte mark) {
            const auto header = *rtp::Header::parse(packet);
            const int step = rtp::SequenceNumber::distance({cycle_low}, header.sequence);
            if (used.empty()) cycle_low = header.sequence.value;
            if (!used.empty() && step > 0 && header.sequence.value < cycle_low) ++cycles;
            const bool wrapped_back = step < 0 && header.sequence.value > cycle_low;
            const auto cycle = wrapped_back ? cycles - 1 : cycles;
            if (step > 0) cycle_low = header.sequence.value;
            Packet kind{mark};
            const auto [at, fresh] = used.try_emplace({header.ssrc, cycle << 16 | header.sequence.value}, kind);
            ASSERT_TRUE(fresh || (at->second == kind && mark != std::byte{1})) << run << ' ' << header.sequence.value;
        };
        for (int step = 0; step < 20'000; ++step, way.now += 5ms) {
            if (random() % 200 == 0) way.splice.play(!way.splice.playing());
            if (way.splice.playing() && random() % 2 == 0) {
                auto packet = rtp(1, static_cast<std::uint32_t>(step), kMade);
                if (way.splice.made(packet, way.now)) check(packet, std::byte{1});
            }
            if (random() % 4 == 0) continue;  // lost
            highest = std::max(highest, number);
            const auto late = random() % 10 == 0 ? random() % 30 : 0;
            const auto sent = number - late;
            if (late == 0) ++number;
            if (random() % 500 == 0) number += 1'000;
            auto packet = rtp(static_cast<std::uint16_t>(sent), static_cast<std::uint32_t>(sent * 160), kLive);
            if (way.splice.live(packet, way.now)) check(packet, std::byte{static_cast<std::uint8_t>(2 + sent % 250)});
        }
    }
}

TEST(Rfc3550S6p4Splice, SenderReportsNameTheSameMoment) {
    Way way;
    way.talk(20);
    way.splice.play(true);
    way.music(100);
    auto meanwhile = sender_report(kLive, 1, 20);
    way.splice.report_of_sender(meanwhile, way.now);
    EXPECT_EQ(load_u32(&meanwhile[16]), way.sent.back().timestamp + 160);
    EXPECT_EQ(load_u32(&meanwhile[20]), 120U);
    way.splice.play(false);
    way.talk(10);
    auto after = sender_report(kLive, way.timestamp, 30);
    way.splice.report_of_sender(after, way.now);
    EXPECT_EQ(load_u32(&after[16]), way.sent.back().timestamp);
    EXPECT_EQ(load_u32(&after[20]), 130U);
    EXPECT_EQ(load_u32(&after[24]), 130U * 160);
    auto other = sender_report(8, 1, 20);
    const auto before = other;
    way.splice.report_of_sender(other, way.now);
    EXPECT_EQ(other, before);
}

TEST(Rfc3550S6p4Splice, ReportsOfTheListenerSpeakOfWhatTheOtherEndSent) {
    Way way;
    way.talk(20);
    const auto last = static_cast<std::uint16_t>(way.sequence - 1);
    const auto highest = [&](std::uint16_t said) {
        auto report = receiver_report(kLive, 0x30000u + said);
        way.splice.report_of_listener(report);
        return load_u32(&report[16]);
    };
    EXPECT_EQ(highest(last), 0x30000u + last);
    way.splice.play(true);
    way.music(100);
    EXPECT_EQ(highest(static_cast<std::uint16_t>(last - 2)) & 0xFFFF, static_cast<std::uint16_t>(last - 2));
    EXPECT_EQ(highest(way.sent.back().sequence.value) & 0xFFFF, last);
    way.splice.play(false);
    EXPECT_EQ(highest(way.sent.back().sequence.value) & 0xFFFF, last);
    way.talk(10);
    EXPECT_EQ(highest(way.sent.back().sequence.value) & 0xFFFF, static_cast<std::uint16_t>(way.sequence - 1));
    EXPECT_EQ(highest(way.sent[way.sent.size() - 11].sequence.value) & 0xFFFF, last) << "a word about the music";
}

TEST(Rfc4585S6p2Splice, RequestsNameWhatTheOtherEndSent) {
    Way way;
    way.talk(20);
    way.splice.play(true);
    way.music(100);
    way.splice.play(false);
    way.talk(10);
    ByteWriter out;
    out.u32(0x81CD'0003), out.u32(1234), out.u32(kLive), out.u16(way.sent.back().sequence.value), out.u16(0);
    auto nack = out.release();
    way.splice.report_of_listener(nack);
    EXPECT_EQ(load_u16(&nack[12]), static_cast<std::uint16_t>(way.sequence - 1));
}

TEST(Splice, LooksIntoNothingThatIsShort) {
    Way way;
    way.talk(2);
    way.splice.play(true);
    way.music(2);
    std::mt19937 random{1};
    for (int i = 0; i < 20'000; ++i) {
        Packet junk(random() % 64);
        for (auto& octet : junk) octet = static_cast<std::byte>(random());
        if (junk.size() > 1 && i % 2 == 0) junk[0] = std::byte{0x81}, junk[1] = std::byte(200 + random() % 7);
        way.splice.live(junk, way.now);
        way.splice.made(junk, way.now);
        way.splice.report_of_sender(junk, way.now);
        way.splice.report_of_listener(junk);
    }
}

}  // namespace
}  // namespace carillon::relay
