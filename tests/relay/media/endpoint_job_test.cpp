#include "relay/media/endpoint_job.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "media/wav/wav.h"
#include "tests/relay/media/bench_end.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Kind = api::ProgramEvent::Kind;

api::AudioFormat pcmu() { return {.codec = "PCMU", .payload_type = 0, .telephone_event = 101}; }

class EndpointTest : public testing::Test {
  protected:
    void make(const api::AudioFormat& format, const api::Source& source, const api::Sink& sink = {}) {
        end_ = std::make_unique<test::FarEnd>(format, 0);
        job_ = std::make_unique<EndpointJob>(format, *make_source(source, sample_rate_of(format), library_),
                                             *make_sink(sink, sample_rate_of(format)),
                                             source.kind == api::Source::Kind::echo,
                                             [this](const api::ProgramEvent& event) { events_.push_back(event); });
    }
    void tick() {
        MediaPort port{channel_};
        now_ += kMediaTick;
        job_->tick(port, now_);
        if (port.emitted() && reachable_) channel_.flows[0] = true;
        end_->hear(channel_);
    }
    void press(std::uint8_t digit, std::uint32_t at) {
        for (const auto& [end, duration] :
             {std::pair{false, 160}, {false, 320}, {true, 480}, {true, 480}, {true, 480}}) {
            const auto payload = rtp::TelephoneEvent{digit, end, 10, static_cast<std::uint16_t>(duration)}.serialize();
            std::array<std::byte, 64> room{};
            const auto size = end_->sender().write(
                room, {.payload_type = 101, .marker = duration == 160, .timestamp = at, .payload = payload});
            channel_.in[0].push(Bytes{room}.first(size), false, now_);
            tick();
        }
    }
    std::vector<std::string> told(Kind kind) const {
        std::vector<std::string> out;
        for (const auto& event : events_)
            if (event.kind == kind) out.push_back(kind == Kind::digit ? event.digit : event.reason);
        return out;
    }

    SoundLibrary library_;
    MediaChannel channel_{false};
    std::unique_ptr<test::FarEnd> end_;
    std::vector<api::ProgramEvent> events_;
    std::unique_ptr<EndpointJob> job_;
    SteadyTime now_{1h};
    bool reachable_ = true;
};

TEST_F(EndpointTest, EchoesInEveryCodec) {
    for (const auto& format : {pcmu(), api::AudioFormat{.codec = "PCMA", .payload_type = 8},
                               api::AudioFormat{.codec = "G722", .payload_type = 9},
                               api::AudioFormat{.codec = "L16", .payload_type = 97, .clock_rate = 44100},
                               api::AudioFormat{.codec = "opus", .payload_type = 111}}) {
        make(format, {.kind = api::Source::Kind::echo, .clips = {}});
        for (int i = 0; i < 100; ++i) {
            end_->say(channel_, now_);
            tick();
        }
        EXPECT_GT(end_->tone(440, 1), 0.95) << format.codec;
    }
}

TEST_F(EndpointTest, NumberingIsUnbrokenWhateverTheEndDoes) {
    make(pcmu(), {.kind = api::Source::Kind::echo, .clips = {}});
    for (int i = 0; i < 200; ++i) {
        if (i < 80 || i > 120) end_->say(channel_, now_, 440, i % 10 == 0);  // a tenth lost, then nothing for a while
        tick();
    }
    ASSERT_EQ(end_->sent.size(), 200U);
    for (std::size_t i = 1; i < end_->sent.size(); ++i) {
        const auto& [before, after] = std::pair{end_->sent[i - 1].header, end_->sent[i].header};
        EXPECT_EQ(after.ssrc, before.ssrc);
        EXPECT_EQ(after.sequence.value, static_cast<std::uint16_t>(before.sequence.value + 1));
        EXPECT_EQ(after.timestamp, before.timestamp + 160);
    }
    EXPECT_NE(end_->sent[0].header.ssrc, 7U);
    EXPECT_TRUE(end_->sent[0].header.marker);
}

TEST_F(EndpointTest, ReportsOnWhatItHears) {
    make(pcmu(), {.kind = api::Source::Kind::echo, .clips = {}});
    for (int i = 0; i < 100; ++i) {
        end_->say(channel_, now_, 440, i % 10 == 5);
        tick();
    }
    ASSERT_GE(end_->reports.size(), 2U);
    const auto report = rtp::RtcpSummary::parse(end_->reports.back());
    ASSERT_TRUE(report && report->first_report);
    EXPECT_TRUE(report->sender_report_mid_ntp);
    EXPECT_EQ(report->first_report->ssrc, 7U);
    EXPECT_GT(report->first_report->cumulative_lost, 3);
}

TEST_F(EndpointTest, KeysAreToldOnceAndComeBack) {
    make(pcmu(), {.kind = api::Source::Kind::echo, .clips = {}});
    for (int i = 0; i < 10; ++i) {
        end_->say(channel_, now_);
        tick();
    }
    press(5, 1000);
    press(11, 9000);
    EXPECT_EQ(told(Kind::digit), (std::vector<std::string>{"5", "#"}));
    std::vector<test::Sent> back;
    for (const auto& each : end_->sent)
        if (each.header.payload_type == 101) back.push_back(each);
    ASSERT_EQ(back.size(), 10U);
    EXPECT_TRUE(back[0].header.marker);
    for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(back[i].header.timestamp, back[0].header.timestamp);
    EXPECT_NE(back[5].header.timestamp, back[0].header.timestamp);
    const auto last = rtp::TelephoneEvent::parse(back[4].payload);
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->end);
    EXPECT_EQ(last->duration, 480);
}

TEST_F(EndpointTest, TonesAreHeardWhereNoEventsAreAgreed) {
    make({.codec = "PCMA", .payload_type = 8}, {});
    const auto tones = codecs::dtmf_tones("42");
    const auto encoder = codecs::make_encoder(codecs::AudioCodec::pcma);
    for (std::size_t at = 0; at + 160 <= tones.size(); at += 160) {
        std::array<std::byte, 160> payload{};
        encoder->encode(std::span{tones}.subspan(at, 160), payload);
        channel_.in[0].push(end_->sender().packet(8, false, payload, 160), false, now_);
        tick();
    }
    for (int i = 0; i < 20; ++i) tick();
    EXPECT_EQ(told(Kind::digit), (std::vector<std::string>{"4", "2"}));
}

TEST_F(EndpointTest, RecordingsBeginWhenTheEndCanHear) {
    reachable_ = false;
    make(pcmu(), {.kind = api::Source::Kind::clips, .clips = {{{}, 1000, 200ms}, {{}, 0, 100ms}}});
    for (int i = 0; i < 50; ++i) tick();
    EXPECT_LT(end_->tone(1000, 1), 0.01);
    EXPECT_TRUE(told(Kind::source_ended).empty());
    reachable_ = true;
    for (int i = 0; i < 11; ++i) tick();
    EXPECT_GT(end_->tone(1000, 0.2), 0.95);
    for (int i = 0; i < 10; ++i) tick();
    EXPECT_EQ(told(Kind::source_ended).size(), 1U);
}

TEST_F(EndpointTest, RecordsUntilItIsQuiet) {
    const auto file =
        (std::filesystem::temp_directory_path() / ("carillon-sink-" + std::to_string(::getpid()) + ".wav")).string();
    make(pcmu(), {}, {.kind = api::Sink::Kind::file, .file = file, .longest = 60s, .silence = 1s});
    for (int i = 0; i < 40; ++i) tick();  // nothing is said yet: nothing is recorded, and it is waited for
    for (int i = 0; i < 100; ++i) {
        end_->say(channel_, now_);
        tick();
    }
    for (int i = 0; i < 100; ++i) tick();
    EXPECT_EQ(told(Kind::sink_ended), (std::vector<std::string>{"silence"}));
    const auto audio = wav::load(file);
    ASSERT_TRUE(audio);
    EXPECT_NEAR(static_cast<double>(audio->samples.size()) / 8000, 3, 0.3);
    std::filesystem::remove(file);
}

TEST_F(EndpointTest, AnotherSourceInMidCall) {
    make(pcmu(), {.kind = api::Source::Kind::clips, .clips = {{{}, 1000, 10s}}, .loop = true});
    for (int i = 0; i < 20; ++i) tick();
    job_->change(*make_source({.kind = api::Source::Kind::clips, .clips = {{{}, 2000, 10s}}}, 8000, library_),
                 *make_sink({}, 8000), false);
    for (int i = 0; i < 50; ++i) tick();
    EXPECT_GT(end_->tone(2000, 0.8), 0.95);
}

TEST_F(EndpointTest, AFasterClockDoesNotLetDelayGrow) {
    make(pcmu(), {.kind = api::Source::Kind::echo, .clips = {}});
    // 2 % faster: 0.4 ms a tick; without giving delay back there would be 1.2 s of it in a minute.
    std::size_t said = 0;
    for (int i = 0; i < 3000; ++i) {
        end_->say(channel_, now_);
        if (++said % 50 == 0) end_->say(channel_, now_);
        tick();
    }
    EXPECT_GT(end_->tone(440, 0.3), 0.7);
    std::size_t waiting = 0;
    for (int i = 0; i < 100; ++i) {  // what is still in the buffer comes out
        tick();
        waiting = i;
        if (end_->tone(440, 0.02) < 0.5) break;
    }
    EXPECT_LT(waiting * 20, 500U) << "ms of delay";
}

TEST_F(EndpointTest, GarbageIsNobodysLoss) {
    make(pcmu(), {.kind = api::Source::Kind::echo, .clips = {}});
    for (int i = 0; i < 200; ++i) {
        std::vector<std::byte> junk(static_cast<std::size_t>(i), static_cast<std::byte>(i * 37));
        if (i > 1) junk[0] = std::byte{0x80};
        channel_.in[0].push(junk, i % 3 == 0, now_);
        end_->say(channel_, now_);
        tick();
    }
    EXPECT_GT(end_->tone(440, 0.5), 0.9);
}

TEST(SoundLibrary, SaysWhatIsWrong) {
    SoundLibrary library;
    const auto missing =
        make_source({.kind = api::Source::Kind::clips, .clips = {{"/nonexistent.wav"}}}, 8000, library);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().find("/nonexistent.wav"), std::string::npos);
    EXPECT_FALSE(make_sink({.kind = api::Sink::Kind::file, .file = "/nonexistent/x.wav"}, 8000));
}

}  // namespace
}  // namespace carillon::relay
