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
    proto::Reply record(const char* name = "tap") {
        auto request = start_tap(name);
        auto& setup = *request.mutable_start_tap()->mutable_recording();
        setup.set_path(path("call"));
        setup.set_legs(true);
        setup.set_mixed(true);
        setup.set_stream("audio");
        setup.add_notes("TITLE=call 42");
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

}  // namespace
}  // namespace carillon::relay
