#include "relay/media/video_transcode_job.h"

#include <gtest/gtest.h>

#include <cmath>

#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using codecs::Picture;
using codecs::VideoCodec;

constexpr auto kTick = 10ms;

constexpr unsigned kWidth = 192, kHeight = 144;

/// A bright disc that wanders over a slope.
Picture scene(unsigned width, unsigned height, unsigned number) {
    auto picture = Picture::make(width, height);
    const int cx = static_cast<int>(width / 2 + width / 4 * std::sin(number / 10.0));
    const int cy = static_cast<int>(height / 2 + height / 4 * std::cos(number / 10.0));
    const int radius = static_cast<int>(height / 6);
    for (int y = 0; y < static_cast<int>(height); ++y)
        for (int x = 0; x < static_cast<int>(width); ++x) {
            const bool disc = (x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius;
            picture.y[static_cast<std::size_t>(y) * width + static_cast<std::size_t>(x)] =
                disc ? 220 : static_cast<std::uint8_t>(40 + 100 * x / static_cast<int>(width));
        }
    return picture;
}

api::VideoFormat format(std::string codec, bool nack = true) {
    return {.codec = std::move(codec), .payload_type = 96, .nack = nack};
}

/// An end with a codec of its own: sends pictures of scene(), and shows what comes.
class End {
  public:
    End(const api::VideoFormat& format, std::size_t leg, unsigned width = kWidth, unsigned height = kHeight)
        : format_{format},
          leg_{leg},
          width_{width},
          height_{height},
          codec_{*codec_of(format)},
          encoder_{codecs::make_video_encoder(codec_, {.width = width, .height = height, .bitrate = 900'000})},
          decoder_{codecs::make_video_decoder(codec_)},
          assembler_{form(), 12} {}

    video::VideoFormat form() const { return static_cast<video::VideoFormat>(codec_); }

    void send(MediaChannel& channel, SteadyTime now, bool lost = false) {
        const auto frame = encoder_->encode(scene(width_, height_, number_), std::exchange(key_asked_, false));
        timestamps.push_back(timestamp_);
        ++number_;
        if (!frame) return;
        keys_sent += frame->key ? 1 : 0;
        auto payloads = codec_ == VideoCodec::vp8 ? video::packetize_vp8(frame->data, {}, 1000)
                        : codec_ == VideoCodec::vp9
                            ? video::packetize_vp9(frame->data, {.inter_predicted = !frame->key}, 1000)
                            : video::packetize_h264(frame->data, 1000);
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            std::vector<std::byte> packet(12 + payloads[i].size());
            sender_.write(packet, {.payload_type = 96,
                                   .marker = i + 1 == payloads.size(),
                                   .timestamp = timestamp_,
                                   .payload = payloads[i]});
            sent.push_back(packet);
            if (!lost) channel.in[leg_].push(packet, false, now);
        }
        timestamp_ += 3000;
    }

    /// What has come to this end since; `lose`: of media packets, by their count.
    void see(MediaChannel& channel, SteadyTime now, const std::function<bool(std::size_t)>& lose = {}) {
        const auto one = [&](Bytes packet, bool rtcp, SteadyTime) {
            if (rtcp) return hear(channel, packet, now);
            const auto parsed = rtp::parse_rtp(packet);
            if (!parsed) return;
            if (lose && lose(packets++)) return;
            seen_ssrc = parsed->header.ssrc;
            octets += packet.size();
            last_sequence = parsed->header.sequence.value;
            sequences.push_back(last_sequence);
            assembler_.put(parsed->header, parsed->payload);
            while (const auto frame = assembler_.take()) {
                keys_seen += frame->key ? 1 : 0;
                times_seen.push_back(frame->timestamp);
                if (const auto shown = decoder_->decode(frame->data)) pictures.push_back(codecs::copy(*shown));
            }
        };
        while (channel.out[leg_].pop(one)) {
        }
    }
    void say(MediaChannel& channel, Bytes packet, SteadyTime now) { channel.in[leg_].push(packet, true, now); }
    void obey(bool yes) { obeys_ = yes; }

    std::vector<Picture> pictures;
    std::vector<std::uint32_t> times_seen, timestamps;
    std::vector<std::uint16_t> sequences;
    std::vector<std::vector<std::byte>> sent;
    std::vector<rtp::SenderTime> reports;
    std::vector<std::string> names;
    std::vector<std::uint64_t> estimates;
    std::uint32_t seen_ssrc = 0;
    std::uint16_t last_sequence = 0;
    std::size_t packets = 0, octets = 0;
    unsigned keys_seen = 0, keys_sent = 0, keys_asked = 0, nacks = 0;

  private:
    void hear(MediaChannel& channel, Bytes packet, SteadyTime now) {
        rtp::read_feedback(packet, [&](const rtp::Feedback& said) {
            if (std::get_if<rtp::PictureLoss>(&said)) {
                ++keys_asked;
                key_asked_ = obeys_;
            }
            if (const auto* time = std::get_if<rtp::SenderTime>(&said)) reports.push_back(*time);
            if (const auto* name = std::get_if<rtp::CanonicalName>(&said)) names.emplace_back(name->name);
            if (const auto* estimate = std::get_if<rtp::ReceiverEstimate>(&said))
                estimates.push_back(estimate->bitrate);
            if (const auto* nack = std::get_if<rtp::Nack>(&said)) {
                ++nacks;
                for (const auto& each : sent) {
                    const auto behind = static_cast<std::uint16_t>(load_u16(&each[2]) - nack->sequence);
                    const bool asked = behind == 0 || (behind <= 16 && (nack->behind >> (behind - 1) & 1) != 0);
                    if (asked && obeys_) channel.in[leg_].push(each, false, now);
                }
            }
        });
    }

    api::VideoFormat format_;
    std::size_t leg_;
    unsigned width_, height_;
    VideoCodec codec_;
    std::unique_ptr<codecs::VideoEncoder> encoder_;
    std::unique_ptr<codecs::VideoDecoder> decoder_;
    video::FrameAssembler assembler_;
    rtp::RtpSender sender_{7, 65500, 0};
    std::uint32_t timestamp_ = 0xFFFFF000;
    unsigned number_ = 0;
    bool key_asked_ = false;
    bool obeys_ = true;
};

/// Two ends and what stands between them. Time is the test's.
class Line {
  public:
    Line(const api::VideoFormat& a, const api::VideoFormat& b, unsigned width = kWidth, unsigned height = kHeight,
         std::shared_ptr<const LipSync> lip = {})
        : ends{End{a, 0, width, height}, End{b, 1, width, height}},
          job{{.kind = api::Program::Kind::transcode,
               .a = {},
               .b = {},
               .video_a = a,
               .video_b = b,
               .source = {},
               .sink = {},
               .returned = {}},
              std::move(lip)} {}

    void tick() {
        MediaPort port{channel};
        now += kTick;
        job.tick(port, now);
    }
    /// At 33 frames a second from A, and from B, too, when asked.
    void run(int frames, bool both = false, const std::function<bool(int)>& lose = {},
             const std::function<bool(std::size_t)>& lose_made = {}) {
        for (int i = 0; i < frames; ++i) {
            ends[0].send(channel, now, lose && lose(i));
            if (both) ends[1].send(channel, now);
            for (int k = 0; k < 3; ++k) {
                tick();
                ends[0].see(channel, now);
                ends[1].see(channel, now, lose_made);
            }
        }
    }
    /// The nth picture of the last ones against what was sent then.
    double likeness(std::size_t to) const {
        const auto& pictures = ends[to].pictures;
        if (pictures.empty()) return 0;
        double best = 0;
        const auto& last = pictures.back();
        const auto sent = static_cast<unsigned>(ends[1 - to].timestamps.size());
        for (unsigned back = 1; back < 8 && back <= sent; ++back) {
            auto wanted = scene(kWidth, kHeight, sent - back);
            if (last.width == kWidth) best = std::max(best, codecs::psnr(wanted, last));
        }
        return best;
    }

    std::array<End, 2> ends;
    MediaChannel channel{true, MediaChannel::kVideoOctets};
    SteadyTime now{1h};
    VideoTranscodeJob job;
};

TEST(VideoTranscode, EveryPairOfCodecs) {
    for (const auto* a : {"VP8", "VP9", "H264"}) {
        for (const auto* b : {"VP8", "VP9", "H264"}) {
            Line line{format(a), format(b)};
            line.run(20, true);
            EXPECT_GE(line.ends[1].pictures.size(), 17U) << a << " to " << b;
            EXPECT_GT(line.likeness(1), 30) << a << " to " << b;
            EXPECT_GT(line.likeness(0), 30) << b << " to " << a;
        }
    }
}

TEST(VideoTranscode, StepsOfTimeAreTheSources) {
    Line line{format("VP8"), format("VP9")};
    line.run(40);
    const auto& seen = line.ends[1].times_seen;
    ASSERT_GT(seen.size(), 30U);
    for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_EQ(seen[i] - seen[i - 1], 3000U);
    EXPECT_NE(seen[0], line.ends[0].timestamps[0]);
    EXPECT_NE(line.ends[1].seen_ssrc, 7U);
    const auto& numbers = line.ends[1].sequences;
    for (std::size_t i = 1; i < numbers.size(); ++i)
        EXPECT_EQ(numbers[i], static_cast<std::uint16_t>(numbers[i - 1] + 1));
}

TEST(VideoTranscode, AKeyFrameIsMadeWhenTheEndAsks) {
    Line line{format("VP8"), format("VP9")};
    line.run(40);
    const auto before = line.ends[1].keys_seen;
    const auto asked = line.ends[0].keys_asked;
    line.ends[1].say(line.channel, rtp::picture_loss(5, line.ends[1].seen_ssrc), line.now);
    line.run(3);
    EXPECT_EQ(line.ends[1].keys_seen, before + 1) << "at once";
    EXPECT_EQ(line.ends[0].keys_asked, asked) << "it is the relay's own";
    line.run(20);
    line.ends[1].say(line.channel, rtp::full_intra(5, line.ends[1].seen_ssrc, 3), line.now);
    line.run(3);
    EXPECT_EQ(line.ends[1].keys_seen, before + 2);
    line.ends[1].say(line.channel, rtp::full_intra(5, line.ends[1].seen_ssrc, 3), line.now);
    line.ends[1].say(line.channel, rtp::picture_loss(5, 12345), line.now);
    line.run(20);
    EXPECT_EQ(line.ends[1].keys_seen, before + 2) << "the same request, and one about another stream";
}

TEST(VideoTranscode, ARequestIsAnsweredThoughNothingMoves) {
    Line line{format("VP8"), format("H264")};
    line.run(40);
    const auto before = line.ends[1].keys_seen;
    line.ends[1].say(line.channel, rtp::picture_loss(5, line.ends[1].seen_ssrc), line.now);
    for (int i = 0; i < 60; ++i) {
        line.tick();
        line.ends[1].see(line.channel, line.now);
    }
    EXPECT_EQ(line.ends[1].keys_seen, before + 1) << "the last picture again, within a second";
}

TEST(VideoTranscode, RequestsInPlentyCostLittle) {
    Line line{format("VP8"), format("VP8")};
    line.run(20);
    const auto before = line.ends[1].keys_seen;
    for (int i = 0; i < 33; ++i) {
        for (int k = 0; k < 20; ++k)
            line.ends[1].say(line.channel, rtp::picture_loss(5, line.ends[1].seen_ssrc), line.now);
        line.run(1);
    }
    EXPECT_LE(line.ends[1].keys_seen, before + 4);
}

TEST(VideoTranscode, WhatIsLostIsAskedForAndComesAgain) {
    Line line{format("VP8"), format("VP9")};
    line.run(90, false, [](int i) { return i % 20 == 10; });
    EXPECT_GT(line.ends[0].nacks, 3U);
    EXPECT_EQ(line.ends[1].pictures.size(), line.ends[0].timestamps.size()) << "all of them";
    EXPECT_GT(line.likeness(1), 30);
}

TEST(VideoTranscode, WithoutNackAKeyFrameIsAskedFor) {
    Line line{format("VP8", false), format("VP9", false)};
    line.run(20);
    const auto asked = line.ends[0].keys_asked;
    line.run(20, false, [](int i) { return i == 5; });
    EXPECT_EQ(line.ends[0].nacks, 0U);
    EXPECT_GT(line.ends[0].keys_asked, asked);
    line.run(20);
    EXPECT_GT(line.likeness(1), 30) << "it goes on with the key frame";
}

TEST(VideoTranscode, PacketsComeAgainWhenTheEndMissesThem) {
    Line line{format("VP8"), format("VP9")};
    line.run(20);
    const auto sequence = line.ends[1].last_sequence;
    const std::array<std::uint16_t, 2> missing{static_cast<std::uint16_t>(sequence - 1), sequence};
    line.ends[1].sequences.clear();
    for (int i = 0; i < 4; ++i) line.tick();
    line.ends[1].say(line.channel, rtp::nack(5, line.ends[1].seen_ssrc, missing), line.now);
    line.ends[1].say(line.channel, rtp::nack(5, line.ends[1].seen_ssrc, missing), line.now);
    line.tick();
    line.ends[1].see(line.channel, line.now);
    for (const auto each : missing) EXPECT_EQ(std::ranges::count(line.ends[1].sequences, each), 1) << each;
}

TEST(VideoTranscode, TheRateIsWhatTheEndCanTake) {
    Line line{format("VP8"), format("VP9"), 320, 240};
    line.run(20);
    line.ends[1].say(line.channel, rtp::receiver_estimate(5, line.ends[1].seen_ssrc, 60'000), line.now);
    line.run(30);
    const auto before = line.ends[1].octets;
    line.run(66);  // 2 s
    EXPECT_LT(static_cast<double>(line.ends[1].octets - before) * 8 / 2, 110'000);
    EXPECT_LT(line.job.sender(1).size().width, 320U) << "smaller pictures for few bits";
    line.ends[1].say(line.channel, rtp::receiver_estimate(5, line.ends[1].seen_ssrc, 2'000'000), line.now);
    line.run(290);
    EXPECT_EQ(line.job.sender(1).size().width, 320U) << "and as they were when there is room again";
}

TEST(VideoTranscode, TheSourceIsToldWhatIsOfUse) {
    auto a = format("VP8");
    a.estimate = true;
    auto b = format("VP9");
    b.bitrate = 300'000;
    Line line{a, b};
    line.run(80);
    ASSERT_FALSE(line.ends[0].estimates.empty());
    EXPECT_NEAR(static_cast<double>(line.ends[0].estimates.back()), 375'000, 40'000);
}

TEST(VideoTranscode, ReportsHaveTheSourcesTimes) {
    Line line{format("VP8"), format("VP9")};
    line.run(20);
    rtp::RtpSender clock{7, 0, 0};
    clock.packet(96, true, {}, 0);
    auto report = rtp::compose_rtcp(clock, std::nullopt, "camera@home", false);
    store_u32(&report[8], 1000);  // the second 1000 is when the next picture is taken
    store_u32(&report[12], 0);
    store_u32(&report[16], line.ends[0].timestamps.back() + 3000);
    line.ends[0].say(line.channel, report, line.now);
    line.run(66);
    ASSERT_FALSE(line.ends[1].reports.empty());
    const auto& told = line.ends[1].reports.back();
    EXPECT_EQ(line.ends[1].names.back(), "camera@home");
    EXPECT_EQ(told.ssrc, line.ends[1].seen_ssrc);
    // Picture 20 is the one of second 1000: its time as we send it, and the report's, lie on one line.
    const auto passed = static_cast<double>(told.ntp) / 4294967296.0 - 1000;
    const auto ticks = static_cast<std::int32_t>(told.timestamp - line.ends[1].times_seen.at(20));
    EXPECT_GT(passed, 0);
    EXPECT_NEAR(ticks / 90000.0, passed, 0.02);
}

TEST(VideoTranscode, SoundThatIsHeldHasItsPicturesWait) {
    const auto lip = std::make_shared<LipSync>();
    Line line{format("VP8"), format("VP9"), kWidth, kHeight, lip};
    line.run(20);
    rtp::RtpSender clock{7, 0, 0};
    clock.packet(96, true, {}, 0);
    auto report = rtp::compose_rtcp(clock, std::nullopt, "camera@home", false);
    store_u32(&report[16], line.ends[0].timestamps.back() + 3000);
    line.ends[0].say(line.channel, report, line.now);
    const auto said = line.now;
    lip->sound_held[0] = 80;
    line.run(66);
    ASSERT_FALSE(line.ends[1].reports.empty());
    EXPECT_EQ(line.ends[1].names.back(), lip->cname[1]) << "the sound's name";
    const auto passed = std::chrono::duration<double>(line.now - said).count();
    const auto ticks =
        static_cast<std::int32_t>(line.ends[1].reports.back().timestamp - line.ends[1].times_seen.at(20));
    EXPECT_LT(ticks / 90000.0, passed - 0.07) << "what is seen now belongs to what is heard 80 ms later";
}

TEST(VideoTranscode, NothingIsKnownBeforeTheFormatsAre) {
    VideoTranscodeJob job{
        {.kind = api::Program::Kind::transcode, .a = {}, .b = {}, .source = {}, .sink = {}, .returned = {}}, {}};
    MediaChannel channel{true};
    MediaPort port{channel};
    channel.in[0].push(std::vector<std::byte>(20), false, {});
    job.tick(port, SteadyTime{1h});
    EXPECT_TRUE(channel.in[0].empty());
    EXPECT_FALSE(port.emitted());
}

}  // namespace
}  // namespace carillon::relay
