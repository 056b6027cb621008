/// Music on hold where it is made: in a transcode, and beside a bridge.
#include <gtest/gtest.h>

#include "relay/media/interlude_job.h"
#include "relay/media/programs.h"
#include "relay/media/transcode_job.h"
#include "tests/relay/media/bench_end.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

api::AudioFormat format(std::string codec) {
    api::AudioFormat out{.codec = std::move(codec)};
    out.payload_type = out.codec == "PCMU" ? 0 : out.codec == "G722" ? 9 : 111;
    return out;
}
api::Source tone(unsigned hz) {
    return {.kind = api::Source::Kind::clips, .clips = {{.file = {}, .tone_hz = hz, .duration = 1s}}, .loop = true};
}
std::unique_ptr<SoundSource> source(unsigned hz, unsigned rate) {
    SoundLibrary library;
    return *make_source(tone(hz), rate, library);
}

api::Program transcode(const char* a, const char* b) {
    return {.kind = api::Program::Kind::transcode,
            .a = format(a),
            .b = format(b),
            .source = {},
            .sink = {},
            .returned = {}};
}

TEST(MusicOnHold, OfATranscodeIsOneStreamWithWhatIsSaid) {
    for (const auto& [a, b] : {std::pair{"opus", "PCMU"}, {"PCMU", "opus"}, {"opus", "G722"}, {"PCMU", "G722"}}) {
        auto program = transcode(a, b);
        std::array ends{test::FarEnd{program.a, 0, 7}, test::FarEnd{program.b, 1, 8}};
        TranscodeJob job{program};
        MediaChannel channel{true};
        MediaPort port{channel};
        SteadyTime now{1h};
        const auto run = [&](int ticks, bool a_speaks) {
            for (int i = 0; i < ticks; ++i) {
                if (a_speaks) ends[0].say(channel, now, 440);
                ends[1].say(channel, now, 700);
                now += kMediaTick;
                job.tick(port, now);
                for (auto& end : ends) end.hear(channel);
            }
        };
        run(100, true);
        EXPECT_GT(ends[1].tone(440, 0.5), 0.95) << a << b;
        program.instead[1] = tone(1000);
        Interlude::Sources sources;
        sources[1] = source(1000, TranscodeJob::rate_towards(program, 1));
        job.set(program, std::move(sources));
        run(100, false);  // the holder says nothing
        EXPECT_GT(ends[1].tone(1000, 1), 0.95) << a << b;
        EXPECT_GT(ends[0].tone(700, 1), 0.95) << "the other way nothing changes";
        run(50, true);  // or goes on talking
        EXPECT_GT(ends[1].tone(1000, 0.8), 0.95) << a << b;
        program.instead[1].reset();
        job.set(program);
        run(100, true);
        EXPECT_GT(ends[1].tone(440, 1), 0.95) << a << b;
        const auto& sent = ends[1].sent;
        for (std::size_t i = 1; i < sent.size(); ++i) {
            ASSERT_EQ(sent[i].header.ssrc, sent[0].header.ssrc);
            ASSERT_EQ(sent[i].header.sequence.value, static_cast<std::uint16_t>(sent[i - 1].header.sequence.value + 1));
        }
        EXPECT_GE(sent.size(), 340U);
    }
}

TEST(MusicOnHold, BesideABridgeSpeaksToWhoWaits) {
    api::Program program{.kind = api::Program::Kind::interlude, .a = format("opus"), .b = format("PCMU")};
    Interlude::Sources sources;
    sources[0] = source(1000, 48'000);
    program.instead[0] = tone(1000);
    InterludeJob job{program, std::move(sources)};
    std::array ends{test::FarEnd{program.a, 0, 7}, test::FarEnd{program.b, 1, 8}};
    MediaChannel channel{true};
    MediaPort port{channel};
    SteadyTime now{1h};
    const auto run = [&](int ticks) {
        for (int i = 0; i < ticks; ++i) {
            job.tick(port, now += kMediaTick);
            for (auto& end : ends) end.hear(channel);
        }
    };
    run(100);
    EXPECT_GT(ends[0].tone(1000, 1), 0.95);
    EXPECT_TRUE(ends[1].sent.empty());
    EXPECT_TRUE(ends[0].reports.empty()) << "those of the ends are fitted";
    program.instead = {};
    job.set(program, {});
    const auto before = ends[0].sent.size();
    run(10);
    EXPECT_EQ(ends[0].sent.size(), before);
    program.instead[1] = tone(500);
    sources = {};
    sources[1] = source(500, 8000);
    job.set(program, std::move(sources));
    run(100);
    EXPECT_GT(ends[1].tone(500, 1), 0.95);
}

TEST(MusicOnHold, TheSameSaidTwiceDoesNotBeginAnew) {
    Interlude interlude;
    interlude.set(tone(5), source(5, 8000));  // one sample is like no other for 100 ms
    std::vector<std::int16_t> first(160), second(160);
    interlude.fill(first);
    interlude.set(tone(5), source(5, 8000));
    interlude.fill(second);
    EXPECT_NE(first, second);
}

TEST(MusicOnHold, ProgramsThatMakeNoSenseAreRefused) {
    api::Program program{.kind = api::Program::Kind::interlude, .a = format("opus"), .b = {}};
    EXPECT_EQ(program_fault(program), "");
    program.instead[1] = tone(5);
    EXPECT_NE(program_fault(program), "") << "nobody knows how it travels";
    program.instead = {tone(5), std::nullopt};
    EXPECT_EQ(program_fault(program), "");
    program.instead[0]->clips.resize(257);
    EXPECT_NE(program_fault(program), "");
    program.kind = static_cast<api::Program::Kind>(3);
    EXPECT_NE(program_fault(program), "");
}

}  // namespace
}  // namespace carillon::relay
