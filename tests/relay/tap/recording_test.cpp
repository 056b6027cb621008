/// Recordings by a real worker of what passes through it.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/media/record/run_program.h"
#include "tests/relay/tap/tapped_worker.h"

namespace carillon::relay {
namespace {

using namespace test;

class Record : public TappedWorker {
  protected:
    proto::Reply record(const char* name = "tap", std::uint64_t resumed_ms = 0) {
        auto request = start_tap(name);
        auto& setup = *request.mutable_start_tap()->mutable_recording();
        setup.set_path(path("call"));
        setup.set_legs(true);
        setup.set_mixed(true);
        setup.set_stream("audio");
        setup.add_notes("TITLE=call 42");
        setup.set_resumed_ms(resumed_ms);
        return ask(request);
    }
    /// Both sides in real time, 20 ms a packet.
    void talk(std::chrono::milliseconds time) {
        const auto begin = std::chrono::steady_clock::now();
        for (std::uint16_t i = 0; i < time / 20ms; ++i, ++said) {
            std::this_thread::sleep_until(begin + i * 20ms);
            a.send(sealed(rtp(said, 0xA)), port_a);
            b.send(rtp(said, 0xB), port_b);
            EXPECT_FALSE(b.receive().empty());
            EXPECT_FALSE(a.receive().empty());
        }
    }
    static double seconds(const std::string& file) {
        const auto said_so =
            carillon::test::output_of("ffprobe -v error -show_entries format=duration -of csv=p=0 " + file);
        return said_so.empty() ? -1 : std::stod(said_so);
    }
    std::uint16_t said = 1;
};

TEST_F(Record, ABridgedCallFromItsStartToItsEnd) {
    open_bridge();
    const auto reply = record();
    ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
    EXPECT_EQ(reply.taps(0).files_size(), 3);
    talk(1200ms);
    const auto status = stop();
    EXPECT_EQ(status.kind(), "recording");
    EXPECT_EQ(status.packets(), 120u);
    EXPECT_EQ(status.dropped(), 0u);
    talk(100ms);
    for (const auto& file : status.files()) {
        EXPECT_NEAR(seconds(file), status.seconds(), 0.1) << file;
        EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    }
    EXPECT_NE(carillon::test::output_of("opusinfo " + status.files(0)).find("TITLE=call 42"), std::string::npos);
}

/// As signaling does it at the successor of a worker that died: the files grow on, as long as the whole ran.
TEST_F(Record, GoesOnInTheFilesOfAWorkerThatDied) {
    open_bridge();
    ASSERT_EQ(record().refusal(), proto::REFUSAL_NONE);
    const auto began = std::chrono::steady_clock::now();
    talk(1000ms);
    const auto first = stop();
    std::this_thread::sleep_for(300ms);
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    const auto reply = record("tap", static_cast<std::uint64_t>(ago.count()));
    ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
    talk(1000ms);
    const auto status = stop();
    EXPECT_EQ(status.files_size(), 3);
    EXPECT_TRUE(std::ranges::equal(status.files(), first.files()));
    for (const auto& file : status.files()) {
        EXPECT_NEAR(seconds(file), status.seconds(), 0.15) << file;
        EXPECT_GT(seconds(file), 2.2);
    }
}

TEST_F(Record, WhatBeganTooLongAgoIsRefused) {
    open_bridge();
    EXPECT_EQ(record("tap", 8ull * 24 * 3600 * 1000).refusal(), proto::REFUSAL_BAD_REQUEST);
    EXPECT_EQ(record("tap", ~0ull).refusal(), proto::REFUSAL_BAD_REQUEST);
}

TEST_F(Record, AForwardedCallIsRefusedWithTheReason) {
    open(proto::MODE_ICE);
    const auto reply = record();
    EXPECT_EQ(reply.refusal(), proto::REFUSAL_CONFLICT);
    EXPECT_NE(reply.reason().find("end to end"), std::string::npos);
    EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(Record, ItsFilesGrowWhileItRuns) {
    open_bridge();
    ASSERT_EQ(record().refusal(), proto::REFUSAL_NONE);
    talk(2000ms);
    EXPECT_GT(seconds(path("call-mixed.opus")), 0.9) << "what a crash would leave";
    EXPECT_GT(seconds(path("call-caller.opus")), 0.9);
}

TEST_F(Record, AFullDiskEndsItCleanlyAndTheCallGoesOn) {
    open_bridge();
    ASSERT_EQ(record().refusal(), proto::REFUSAL_NONE);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{3000, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    talk(2000ms);
    const bool told = until([&] { return !events.empty(); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(told);
    EXPECT_TRUE(events[0].failed());
    EXPECT_EQ(events[0].kind(), "recording");
    talk(100ms);
    EXPECT_GT(seconds(path("call-mixed.opus")), 0.3);
    proto::Request list;
    list.mutable_list_taps();
    EXPECT_EQ(ask(list).taps_size(), 0);
}

/// A bundle of sound and pictures; the caller's leg is SDES, with rtcp-mux.
class RecordVideo : public Record {
  protected:
    proto::Reply record(bool announced = false) {
        auto caller = sdes(a), callee = plain(b);
        caller.set_rtcp_mux(true);
        callee.set_rtcp_mux(true);
        open(proto::MODE_BRIDGE, caller, callee);
        auto request = start_tap();
        auto& setup = *request.mutable_start_tap()->mutable_recording();
        setup.set_path(path("call"));
        setup.set_legs(true);
        setup.set_stream("audio");
        (*setup.mutable_video_from_a())[96] = "VP8/90000";
        (*setup.mutable_video_from_b())[96] = "VP8/90000";
        if (announced) {
            setup.mutable_announcement()->set_tone_hz(1400);
            setup.mutable_announcement()->set_duration_ms(300);
            (*setup.mutable_to_a())[0] = (*setup.mutable_to_b())[0] = "PCMU/8000";
        }
        return ask(request);
    }
    /// A piece of VP8 that is no key frame, then one that is (RFC 6386 §9.1).
    static Packet picture(std::uint16_t sequence, bool is_key) {
        ByteWriter out;
        out.u8(0x80), out.u8(0x80 | 96), out.u16(sequence), out.u32(3000u * sequence), out.u32(0x7E57), out.u8(0x10);
        out.u24(is_key ? 0x50'42'00 : 0x51'42'00), out.u24(0x9D'01'2A), out.u16(0x4001), out.u16(0xF000), out.zeros(50);
        return out.release();
    }
    srtp::Session caller_in =
        *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(1), srtp::Direction::inbound);
};

TEST_F(RecordVideo, ItsSenderIsAskedForAKeyFrame) {
    ASSERT_EQ(record().refusal(), proto::REFUSAL_NONE);
    a.send(sealed(picture(1, false)), port_a);
    EXPECT_FALSE(b.receive().empty());
    Packet request;
    ASSERT_TRUE(until([&] {
        if (request.empty()) request = a.receive(1ms);
        return !request.empty();
    })) << "no PLI";
    ASSERT_TRUE(rtp::is_rtcp(request));
    const auto size = caller_in.unprotect_rtcp(request);
    ASSERT_TRUE(size);
    ASSERT_EQ(*size, 20u);
    EXPECT_EQ(load_u32(&request[8]), 0x81CE0002u) << "PSFB, FMT 1: RFC 4585 6.3.1";
    EXPECT_EQ(load_u32(&request[16]), 0x7E57u);
    for (std::uint16_t i = 2; i < 8; ++i) {
        a.send(sealed(picture(i, i == 2)), port_a);
        EXPECT_FALSE(b.receive().empty());
        std::this_thread::sleep_for(20ms);
    }
    const auto status = stop();
    EXPECT_EQ(status.packets(), 7u);
    EXPECT_EQ(status.files_size(), 3) << "two of sound, one of pictures";
    EXPECT_EQ(carillon::test::output_of(
                  "ffprobe -v error -select_streams v -show_entries stream=codec_name,width,height -of csv=p=0 " +
                  path("call-caller.webm")),
              "vp8,320,240\n");
}

TEST_F(RecordVideo, BothEndsHearThatItBegins) {
    const auto reply = record(true);
    ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
    EXPECT_EQ(reply.taps(0).reason(), "announcing");
    EXPECT_TRUE(fs::is_empty(folder)) << "nothing is recorded before it is announced";
    int announced = 0;
    for (; announced < 30; ++announced, ++said) {
        const auto spoken = rtp(said, 0xA);
        a.send(sealed(spoken), port_a);
        b.send(rtp(said, 0xB), port_b);
        const auto heard = b.receive();
        EXPECT_EQ(heard.size(), spoken.size());
        EXPECT_FALSE(a.receive().empty());
        if (heard == spoken) break;
    }
    ++said;
    EXPECT_EQ(announced, 15) << "300 ms";
    proto::Request list;
    list.mutable_list_taps();
    EXPECT_TRUE(until([&] { return ask(list).taps(0).files_size() == 2; }));
    talk(500ms);
    const auto status = stop();
    EXPECT_EQ(status.packets(), 50u);
    ASSERT_EQ(events.size(), 1u) << "that it has begun";
    EXPECT_TRUE(events[0].running());
    EXPECT_EQ(events[0].files_size(), 2);
}

TEST_F(RecordVideo, AnAnnouncementCanBeStopped) {
    ASSERT_EQ(record(true).refusal(), proto::REFUSAL_NONE);
    const auto status = stop();
    EXPECT_EQ(status.reason(), "stopped before it began");
    EXPECT_FALSE(status.running());
    talk(100ms);
    EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace
}  // namespace carillon::relay
