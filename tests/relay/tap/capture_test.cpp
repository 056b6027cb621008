/// Captures of a real worker's packets, as tshark and carillon-replay's reader see them.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <set>
#include <sstream>

#include "media/capture/stream.h"
#include "tests/media/record/run_program.h"
#include "tests/relay/tap/tapped_worker.h"

namespace carillon::relay {
namespace {

using namespace test;
using carillon::test::output_of;

class Capture : public TappedWorker {
  protected:
    proto::Reply capture(const std::string& file, const std::function<void(proto::CaptureSetup&)>& more = {}) {
        auto request = start_tap();
        auto& setup = *request.mutable_start_tap()->mutable_capture();
        setup.set_path(file);
        if (more) more(setup);
        return ask(request);
    }
    void start(const std::string& file, const std::function<void(proto::CaptureSetup&)>& more = {}) {
        const auto reply = capture(file, more);
        ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
        ASSERT_EQ(reply.taps(0).files_size(), 1);
    }
    /// "source port>destination port: packets", as the reader of carillon-replay finds the streams.
    static std::multiset<std::string> streams_of(const std::string& file) {
        std::multiset<std::string> out;
        const auto contents = capture::read_capture(file);
        if (!contents) return {contents.error()};
        for (const auto& stream : contents->streams) {
            std::ostringstream line;
            line << stream.key.source.port << '>' << stream.key.destination.port << ": " << stream.packets.size();
            out.insert(line.str());
        }
        return out;
    }
    std::multiset<std::string> all_four(int from_a, int from_b) const {
        const auto line = [](unsigned from, unsigned to, int count) {
            return std::to_string(from) + '>' + std::to_string(to) + ": " + std::to_string(count);
        };
        return {line(a.port(), port_a, from_a), line(port_b, b.port(), from_a), line(b.port(), port_b, from_b),
                line(port_a, a.port(), from_b)};
    }
};

TEST_F(Capture, GoesOnInTheNextFileWithinWhatIsLeft) {
    open_plain();
    start(path("call.pcapng"));
    say_a(1, 10);
    const auto before = stop();
    const auto reply = capture(path("call.pcapng"), [&](auto& setup) {
        setup.set_resumed_ms(1000);
        setup.set_file_octets(before.octets() + 4096);
    });
    ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
    say_a(11, 7);
    const auto status = stop();
    ASSERT_EQ(status.files_size(), 2);
    EXPECT_EQ(status.files(0), path("call.pcapng"));
    EXPECT_EQ(status.files(1), path("call-00002.pcapng"));
    EXPECT_EQ(status.octets(), fs::file_size(status.files(0)) + fs::file_size(status.files(1)));
    EXPECT_EQ(streams_of(status.files(1)).count(std::to_string(a.port()) + '>' + std::to_string(port_a) + ": 7"), 1u);
    EXPECT_GE(status.seconds(), 1);
}

TEST_F(Capture, ARingThatGoesOnKeepsItsSize) {
    open_plain();
    const auto ring = [](auto& setup) { setup.set_files(2), setup.set_file_octets(4096); };
    start(path("ring.pcapng"), ring);
    say_a(1, 30);
    const auto before = stop();
    ASSERT_EQ(before.files_size(), 2);
    const auto reply = capture(path("ring.pcapng"), [&](auto& setup) { ring(setup), setup.set_resumed_ms(1); });
    ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
    say_a(31, 6);  // as many as tell a stream
    const auto status = stop();
    ASSERT_EQ(status.files_size(), 2);
    EXPECT_EQ(status.files(0), before.files(1));
    EXPECT_FALSE(fs::exists(before.files(0)));
    EXPECT_FALSE(streams_of(status.files(1)).empty());
}

TEST_F(Capture, HasBothLegsBothWaysFromItsStartToItsEnd) {
    open_plain();
    say_a(1, 5);
    const auto file = path("call.pcapng");
    start(file, [](auto& setup) { setup.add_notes("call 42 of romeo and juliet"); });
    say_a(6, 20);
    say_b(1, 10);
    const auto status = stop();
    say_a(26, 5);
    EXPECT_FALSE(status.running());
    EXPECT_EQ(status.reason(), "stopped");
    EXPECT_EQ(status.packets(), 60u);
    EXPECT_EQ(status.dropped(), 0u);
    EXPECT_EQ(status.octets(), fs::file_size(file));
    EXPECT_EQ(streams_of(file), all_four(20, 10));
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Capture, TsharkDecodesTheStreams) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file, [](auto& setup) { setup.add_notes("call 42"); });
    say_a(1, 20);
    say_b(1, 10);
    stop();
    std::string decode = "tshark -r " + file + " -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE";
    for (const auto port : {port_a, port_b}) decode += " -d udp.port==" + std::to_string(port) + ",rtp";
    const auto table = output_of(decode + " -q -z rtp,streams 2>/dev/null");
    int rows = 0, packets = 0;
    std::istringstream lines{table};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream row{line};
        double begin = 0, end = 0;
        std::string from, to, port, ssrc, payload;
        int count = 0;
        if (!(row >> begin >> end >> from >> port >> to >> port >> ssrc >> payload >> count)) continue;
        ++rows, packets += count;
    }
    EXPECT_EQ(rows, 4) << table;
    EXPECT_EQ(packets, 60) << table;
    EXPECT_EQ(output_of(decode + " -Y 'ip.checksum.status==0 || udp.checksum.status==0' 2>/dev/null"), "");
    EXPECT_EQ(output_of(decode + " -Y 'udp.checksum.status==1' 2>/dev/null | wc -l"), "60\n");
    EXPECT_EQ(output_of(decode + " -Y 'frame.interface_name==\"audio/caller\" && frame.packet_flags_direction==1' "
                                 "2>/dev/null | wc -l"),
              "20\n");
    EXPECT_EQ(output_of(decode + " -Y 'frame.interface_name==\"audio/callee\" && frame.packet_flags_direction==2' "
                                 "2>/dev/null | wc -l"),
              "20\n");
    EXPECT_NE(output_of("capinfos " + file).find("call 42"), std::string::npos);
}

TEST_F(Capture, OfABridgedCallIsSealedOrOpenedAsWanted) {
    open_bridge();
    const auto wire = path("wire.pcapng"), opened = path("opened.pcapng");
    start(wire);
    auto request = start_tap("opened");
    request.mutable_start_tap()->mutable_capture()->set_path(opened);
    request.mutable_start_tap()->mutable_capture()->set_opened(true);
    ASSERT_EQ(ask(request).refusal(), proto::REFUSAL_NONE);
    say_a(1, 20, true);
    say_b(1, 10);
    stop();
    stop("opened");
    for (const auto& file : {wire, opened}) {
        EXPECT_EQ(streams_of(file), all_four(20, 10)) << file;
        const auto contents = capture::read_capture(file);
        ASSERT_TRUE(contents);
        for (const auto& stream : contents->streams) {
            const bool caller = stream.key.source.port == a.port() || stream.key.source.port == port_a;
            for (std::size_t i = 0; i < stream.packets.size(); ++i) {
                const auto plain = rtp(static_cast<std::uint16_t>(i + 1), stream.key.ssrc);
                EXPECT_EQ(stream.packets[i].data == plain, file == opened || !caller) << file << ' ' << i;
            }
        }
    }
}

TEST_F(Capture, OfAnEndToEndCallIsNotOpened) {
    open(proto::MODE_ICE);
    const auto reply = capture(path("x.pcapng"), [](auto& setup) { setup.set_opened(true); });
    EXPECT_EQ(reply.refusal(), proto::REFUSAL_CONFLICT);
    EXPECT_NE(reply.reason().find("end to end"), std::string::npos);
    EXPECT_FALSE(fs::exists(path("x.pcapng")));
    start(path("y.pcapng"));
    a.send(as_bytes("\x80not from a proven address"), port_a);
    ASSERT_TRUE(until([&] {
        proto::Request request;
        request.mutable_list_taps();
        const auto listed = ask(request);
        return listed.taps_size() == 1 && listed.taps(0).packets() == 1;
    })) << "what the relay drops is in a capture, too";
}

TEST_F(Capture, EndsWithItsCallAndHasAllOfIt) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file);
    say_a(1, 20);
    hang_up();
    ASSERT_TRUE(until([&] { return !events.empty(); }));
    EXPECT_EQ(events[0].reason(), "call ended");
    EXPECT_FALSE(events[0].failed());
    EXPECT_EQ(events[0].packets(), 40u);
}

TEST_F(Capture, TakesInWhatIsOpenedLater) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file);
    Endpoint c, d;
    open(proto::MODE_PLAIN, plain(c), plain(d), "video");
    for (std::uint16_t i = 0; i < 7; ++i) {
        c.send(rtp(i, 0xC), port_a);
        ASSERT_FALSE(d.receive().empty());
    }
    EXPECT_EQ(stop().packets(), 14u);
}

TEST_F(Capture, KeepsTheSnapLength) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file, [](auto& setup) { setup.set_snap(64); });
    say_a(1, 10);
    stop();
    EXPECT_EQ(output_of("tshark -r " + file + " -Y 'frame.cap_len==64 && frame.len==214' 2>/dev/null | wc -l"), "20\n");
}

TEST_F(Capture, ARingNeverHoldsMoreThanItsFiles) {
    open_plain();
    start(path("ring.pcapng"), [](auto& setup) { setup.set_files(3), setup.set_file_octets(8192); });
    say_a(1, 200);
    const auto status = stop();
    EXPECT_EQ(status.packets(), 400u);
    ASSERT_EQ(status.files_size(), 3);
    std::size_t there = 0;
    for (const auto& entry : fs::directory_iterator{folder}) {
        ++there;
        EXPECT_LE(entry.file_size(), 8192u);
    }
    EXPECT_EQ(there, 3u);
    for (const auto& file : status.files()) {
        const auto contents = capture::read_capture(file);
        ASSERT_TRUE(contents) << contents.error();
        EXPECT_TRUE(contents->truncated.empty());
        EXPECT_GE(contents->datagrams, 1u);
    }
}

TEST_F(Capture, EndsAtItsSizeAndTheCallGoesOn) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file, [](auto& setup) { setup.set_file_octets(8192); });
    say_a(1, 50);
    ASSERT_TRUE(until([&] { return !events.empty(); }));
    EXPECT_EQ(events[0].reason(), "size");
    EXPECT_FALSE(events[0].failed());
    say_a(51, 5);
    EXPECT_LE(fs::file_size(file), 8192u);
    EXPECT_TRUE(capture::read_capture(file)->truncated.empty());
}

TEST_F(Capture, EndsAtItsTime) {
    open_plain();
    start(path("call.pcapng"), [](auto& setup) { setup.set_longest_s(1); });
    ASSERT_TRUE(until([&] { return !events.empty(); }));
    EXPECT_EQ(events[0].reason(), "time");
}

TEST_F(Capture, AFullDiskEndsItCleanlyAndTheCallGoesOn) {
    open_plain();
    const auto file = path("call.pcapng");
    start(file);
    // As a full disk does it: a write is cut short, the next one fails.
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{8192, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    say_a(1, 50);
    const bool told = until([&] { return !events.empty(); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(told);
    EXPECT_TRUE(events[0].failed());
    EXPECT_NE(events[0].reason().find("File too large"), std::string::npos) << events[0].reason();
    say_a(51, 5);
    const auto contents = capture::read_capture(file);
    ASSERT_TRUE(contents);
    EXPECT_TRUE(contents->truncated.empty()) << contents->truncated;
    EXPECT_GT(contents->datagrams, 20u);
}

TEST_F(Capture, RefusesWhatCannotBe) {
    EXPECT_EQ(capture(path("x")).refusal(), proto::REFUSAL_NOT_FOUND) << "no such session";
    open_plain();
    EXPECT_EQ(capture("relative.pcapng").refusal(), proto::REFUSAL_BAD_REQUEST);
    EXPECT_EQ(capture("/nowhere/at/all.pcapng").refusal(), proto::REFUSAL_CONFLICT);
    EXPECT_EQ(capture(path("x"), [](auto& setup) { setup.set_snap(10); }).refusal(), proto::REFUSAL_BAD_REQUEST);
    start(path("x"));
    EXPECT_EQ(capture(path("y")).refusal(), proto::REFUSAL_CONFLICT) << "of this name one is running";
    proto::Request request;
    request.mutable_stop_tap()->set_session(kSession);
    request.mutable_stop_tap()->set_tap("other");
    EXPECT_EQ(ask(request).refusal(), proto::REFUSAL_NOT_FOUND);
}

}  // namespace
}  // namespace carillon::relay
