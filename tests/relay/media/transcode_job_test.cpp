#include "relay/media/transcode_job.h"

#include <gtest/gtest.h>

#include "codecs/tones/dtmf.h"
#include "tests/relay/media/bench_end.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

api::AudioFormat format(std::string codec) {
    api::AudioFormat out{.codec = std::move(codec)};
    out.payload_type = out.codec == "PCMU"   ? 0
                       : out.codec == "PCMA" ? 8
                       : out.codec == "G722" ? 9
                       : out.codec == "opus" ? 111
                                             : 97;
    if (out.codec == "L16") out.clock_rate = 16000;
    return out;
}

/// Two ends and what stands between them. Time is the test's.
class Line {
  public:
    Line(const api::AudioFormat& a, const api::AudioFormat& b)
        : ends{test::FarEnd{a, 0, 7}, test::FarEnd{b, 1, 8}},
          job_{{.kind = api::Program::Kind::transcode, .a = a, .b = b, .source = {}, .sink = {}, .returned = {}}} {}

    void tick() {
        MediaPort port{channel};
        now += kMediaTick;
        job_.tick(port, now);
        for (auto& end : ends) end.hear(channel);
    }
    void talk(int ticks) {
        for (int i = 0; i < ticks; ++i) {
            ends[0].say(channel, now, 440);
            ends[1].say(channel, now, 700);
            tick();
        }
    }
    TranscodeJob& job() { return job_; }

    std::array<test::FarEnd, 2> ends;
    MediaChannel channel{true};
    SteadyTime now{1h};

  private:
    TranscodeJob job_;
};

TEST(Transcode, EveryPairOfCodecs) {
    for (const auto* a : {"PCMU", "PCMA", "G722", "L16", "opus"}) {
        for (const auto* b : {"PCMU", "PCMA", "G722", "L16", "opus"}) {
            Line line{format(a), format(b)};
            line.talk(100);
            EXPECT_GT(line.ends[1].tone(440, 1), 0.95) << a << " to " << b;
            EXPECT_GT(line.ends[0].tone(700, 1), 0.95) << b << " to " << a;
        }
    }
}

TEST(Transcode, EachLegHasItsOwnNumbering) {
    Line line{format("opus"), format("PCMU")};
    line.talk(60);
    for (const auto& [end, ticks] : {std::pair{&line.ends[0], 960u}, {&line.ends[1], 160u}}) {
        ASSERT_GT(end->sent.size(), 50U);
        for (std::size_t i = 1; i < end->sent.size(); ++i) {
            EXPECT_EQ(end->sent[i].header.sequence.value,
                      static_cast<std::uint16_t>(end->sent[i - 1].header.sequence.value + 1));
            EXPECT_EQ(end->sent[i].header.timestamp, end->sent[i - 1].header.timestamp + ticks);
        }
    }
    EXPECT_NE(line.ends[0].sent[0].header.ssrc, 8U);
    EXPECT_NE(line.ends[1].sent[0].header.ssrc, 7U);
    EXPECT_EQ(line.ends[1].sent[0].payload.size(), 160U);
}

TEST(Transcode, ReportsAreMadeForEachLeg) {
    Line line{format("opus"), format("PCMU")};
    line.talk(100);
    for (std::size_t leg = 0; leg < 2; ++leg) {
        ASSERT_FALSE(line.ends[leg].reports.empty());
        const auto report = rtp::RtcpSummary::parse(line.ends[leg].reports.back());
        ASSERT_TRUE(report && report->first_report);
        EXPECT_EQ(report->first_report->ssrc, leg == 0 ? 7U : 8U) << "about what that end sends";
        EXPECT_EQ(report->sender_ssrc, line.ends[leg].sent[0].header.ssrc);
    }
}

/// RFC 6716 §4.2.3, §4.2.4: behind the first octet the bits say whether there is a voice and whether the frame before
/// is in it again. 20 ms of SILK in mono.
bool tells_of_the_one_before(const test::Sent& sent) {
    const auto toc = std::to_integer<unsigned>(sent.payload.at(0));
    return toc >> 3 < 12 && sent.payload.size() > 1 && (std::to_integer<unsigned>(sent.payload[1]) & 0x40) != 0;
}

std::ptrdiff_t corrected(const Line& line) { return std::ranges::count_if(line.ends[1].sent, tells_of_the_one_before); }

TEST(Transcode, ForwardErrorCorrectionGoesToWhoTellsOfLosses) {
    Line line{format("PCMU"), format("opus")};
    line.talk(60);
    EXPECT_EQ(corrected(line), 0);
    rtp::RtpSender other{8, 0, 0};
    const rtp::ReportBlock lossy{.ssrc = line.ends[1].sent[0].header.ssrc, .fraction_lost = 26};
    line.channel.in[1].push(rtp::compose_rtcp(other, lossy, "b", false), true, line.now);
    line.talk(60);
    EXPECT_GT(corrected(line), 10) << "libopus does it for what it takes for a voice";
    const rtp::ReportBlock strange{.ssrc = 1, .fraction_lost = 200};
    line.channel.in[1].push(rtp::compose_rtcp(other, strange, "b", false), true, line.now);
    for (int i = 0; i < 10; ++i) {  // calm again, which is believed by and by
        const rtp::ReportBlock calm{.ssrc = lossy.ssrc};
        line.channel.in[1].push(rtp::compose_rtcp(other, calm, "b", false), true, line.now);
        line.tick();
    }
    line.ends[1].sent.clear();
    line.talk(60);
    EXPECT_LE(corrected(line), 1);
}

TEST(Transcode, AndToWhoLosesPacketsOnTheWayHere) {
    Line line{format("PCMU"), format("opus")};
    for (int i = 0; i < 120; ++i) {
        line.ends[0].say(line.channel, line.now, 440);
        line.ends[1].say(line.channel, line.now, 700, i % 5 == 3);
        line.tick();
    }
    EXPECT_GT(corrected(line), 20);
}

TEST(Transcode, KeysAreCarriedOver) {
    auto a = format("opus");
    a.telephone_event = 101;
    a.telephone_event_rate = 48000;
    auto b = format("PCMU");
    b.telephone_event = 96;
    Line line{a, b};
    line.talk(20);
    for (const auto duration : {960, 1920, 2880}) {
        const auto payload =
            rtp::TelephoneEvent{5, duration == 2880, 10, static_cast<std::uint16_t>(duration)}.serialize();
        std::array<std::byte, 64> room{};
        const auto size = line.ends[0].sender().write(
            room, {.payload_type = 101, .marker = duration == 960, .timestamp = 777, .payload = payload});
        line.channel.in[0].push(Bytes{room}.first(size), false, line.now);
        line.ends[0].say(line.channel, line.now);
        line.tick();
    }
    std::vector<test::Sent> events;
    for (const auto& each : line.ends[1].sent)
        if (each.header.payload_type == 96) events.push_back(each);
    ASSERT_EQ(events.size(), 3U);
    EXPECT_TRUE(events[0].header.marker);
    EXPECT_EQ(events[2].header.timestamp, events[0].header.timestamp);
    const auto last = rtp::TelephoneEvent::parse(events[2].payload);
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->end);
    EXPECT_EQ(last->duration, 480) << "in units of 8 kHz";
}

TEST(Transcode, KeysBecomeTonesWhereNoEventsAreTaken) {
    auto a = format("opus");
    a.telephone_event = 101;
    Line line{a, format("PCMA")};
    line.talk(20);
    const auto payload = rtp::TelephoneEvent{7, false, 10, 160}.serialize();
    std::array<std::byte, 64> room{};
    const auto size =
        line.ends[0].sender().write(room, {.payload_type = 101, .marker = true, .timestamp = 777, .payload = payload});
    line.channel.in[0].push(Bytes{room}.first(size), false, line.now);
    for (int i = 0; i < 20; ++i) line.tick();
    codecs::DtmfDetector detector;
    EXPECT_EQ(detector.process(line.ends[1].heard), "7");
}

TEST(Transcode, ALossIsConcealed) {
    Line line{format("opus"), format("PCMU")};
    for (int i = 0; i < 300; ++i) {
        line.ends[0].say(line.channel, line.now, 440, i % 20 == 7);
        line.tick();
    }
    ASSERT_GT(line.ends[1].sent.size(), 290U) << "no holes";
    EXPECT_GT(line.ends[1].tone(440, 1), 0.85);
}

TEST(Transcode, AnOpusPacketBehindALostOneTellsOfIt) {
    codecs::CodecOptions options{.sample_rate = 8000, .bitrate = 24000};
    const auto encoder = codecs::make_encoder(codecs::AudioCodec::opus, options);
    const auto decoder = codecs::make_decoder(codecs::AudioCodec::opus, options);
    std::vector<std::int16_t> frame(160);
    double phase = 0;
    std::size_t recovered = 0;
    for (int i = 0; i < 50; ++i) {
        for (auto& sample : frame) sample = static_cast<std::int16_t>(8000 * std::sin(phase += 0.35));
        std::array<std::byte, 500> payload{};
        const auto size = encoder->encode(frame, payload);
        std::array<std::int16_t, 160> out{};
        if (i == 40) continue;  // lost
        if (i == 41) recovered = decoder->recover(Bytes{payload}.first(size), out);
        EXPECT_EQ(decoder->decode(Bytes{payload}.first(size), out), 160U);
    }
    EXPECT_EQ(recovered, 160U);
}

TEST(Transcode, SilenceIsNoEnd) {
    auto b = format("PCMU");
    b.comfort_noise = 13;
    Line line{format("opus"), b};
    line.talk(50);
    const auto noise = std::vector<std::byte>(1, std::byte{40});
    line.channel.in[1].push(line.ends[1].sender().packet(13, false, noise, 0), false, line.now);
    const auto before = line.ends[0].sent.size();
    line.ends[1].pause(50);
    for (int i = 0; i < 50; ++i) {
        line.ends[0].say(line.channel, line.now);
        line.tick();
    }
    line.talk(50);
    EXPECT_GT(line.ends[0].tone(700, 0.5), 0.9) << "it speaks again";
    EXPECT_GT(line.ends[0].sent.size(), before + 40);
}

TEST(Transcode, WaitsUntilItKnowsTheFormats) {
    TranscodeJob job{
        {.kind = api::Program::Kind::transcode, .a = {}, .b = {}, .source = {}, .sink = {}, .returned = {}}};
    MediaChannel channel{true};
    MediaPort port{channel};
    test::FarEnd end{format("PCMU"), 0};
    end.say(channel, {});
    job.tick(port, SteadyTime{1h});
    EXPECT_FALSE(port.emitted());
    EXPECT_TRUE(channel.in[0].empty()) << "nothing piles up";
    job.set({.kind = api::Program::Kind::transcode,
             .a = format("PCMU"),
             .b = format("opus"),
             .source = {},
             .sink = {},
             .returned = {}});
    for (int i = 0; i < 10; ++i) {
        end.say(channel, SteadyTime{1h});
        job.tick(port, SteadyTime{1h} + (i + 1) * kMediaTick);
    }
    EXPECT_TRUE(port.emitted());
}

TEST(Transcode, AudioLevelsAreTold) {
    auto b = format("PCMU");
    b.audio_level = 4;
    Line line{format("opus"), b};
    std::vector<std::byte> last;
    for (int i = 0; i < 50; ++i) {
        line.ends[0].say(line.channel, line.now);
        MediaPort port{line.channel};
        line.now += kMediaTick;
        line.job().tick(port, line.now);
        line.channel.out[1].pop([&](Bytes packet, bool rtcp, SteadyTime) {
            if (!rtcp) last.assign(packet.begin(), packet.end());
        });
    }
    ASSERT_GT(last.size(), 20U);
    EXPECT_EQ(load_u32(&last[12]), 0xBEDE0001U);
    EXPECT_EQ(std::to_integer<unsigned>(last[16]), 0x40U);
    const auto level = std::to_integer<unsigned>(last[17]);
    EXPECT_TRUE(level & 0x80) << "voice";
    EXPECT_NEAR(level & 0x7F, 15, 2);  // 8000 of 32768, as a sine
}

}  // namespace
}  // namespace carillon::relay
