#include "media/phone/media_session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <deque>

#include "media/quality/similarity.h"

namespace carillon::phone {
namespace {

/// A voice-like chirp: its frequency moves, so that it fits itself at one lag only.
std::vector<std::int16_t> chirp(unsigned rate, double seconds) {
    std::vector<std::int16_t> out(static_cast<std::size_t>(rate * seconds));
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double t = static_cast<double>(i) / rate;
        out[i] = static_cast<std::int16_t>(9000 * std::sin(2 * 3.14159265 * (200 + 300 * t) * t));
    }
    return out;
}

/// Two phones' media joined by a direct wire that passes every datagram on at once, from a thread of its own.
class Joined {
  public:
    Joined(codecs::AudioCodec codec, bool secure) {
        const auto rate = codecs::format_of(codec).sample_rate;
        record_ = testing::TempDir() + "carillon_media_session_test.wav";
        MediaOptions a{.codec = codec, .play = chirp(rate, 1.0), .cname = "a"};
        MediaOptions b{.codec = codec, .record = record_, .cname = "b"};
        std::optional<MediaSecurity> security_a, security_b;
        if (secure) {
            security_a = {&identity_a_, dtls::Role::client, identity_b_.fingerprint()};
            security_b = {&identity_b_, dtls::Role::server, identity_a_.fingerprint()};
        }
        a_ = std::make_unique<MediaSession>(a, security_a, [this](std::uint8_t, Bytes d) { return carry(to_b_, d); });
        b_ = std::make_unique<MediaSession>(b, security_b, [this](std::uint8_t, Bytes d) { return carry(to_a_, d); });
        wire_ = std::jthread{[this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                deliver(to_a_, *a_);
                deliver(to_b_, *b_);
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }};
    }
    ~Joined() {
        wire_.request_stop();
        wire_.join();
        std::remove(record_.c_str());
    }
    quality::Similarity talk(std::chrono::milliseconds time) {
        b_->connect();
        a_->connect();
        std::this_thread::sleep_for(time);
        a_->stop();
        b_->stop();
        const auto heard = wav::load(record_);
        EXPECT_TRUE(heard);
        return quality::compare(chirp(heard->sample_rate, 1.0), heard->samples, heard->sample_rate);
    }
    MediaSession& a() { return *a_; }
    MediaSession& b() { return *b_; }

  private:
    using Queue = std::deque<std::vector<std::byte>>;
    bool carry(Queue& queue, Bytes datagram) {
        const std::scoped_lock lock{mutex_};
        queue.emplace_back(datagram.begin(), datagram.end());
        return true;
    }
    void deliver(Queue& queue, MediaSession& to) {
        Queue ready;
        {
            const std::scoped_lock lock{mutex_};
            ready.swap(queue);
        }
        for (const auto& datagram : ready) to.receive(1, datagram);
    }

    dtls::Identity identity_a_, identity_b_;
    std::string record_;
    std::mutex mutex_;
    Queue to_a_, to_b_;
    std::unique_ptr<MediaSession> a_, b_;
    std::jthread wire_;
};

TEST(MediaSession, PlainG711ArrivesAsItWas) {
    Joined call{codecs::AudioCodec::pcmu, false};
    EXPECT_GT(call.talk(std::chrono::milliseconds{2000}).correlation, 0.98);
    const auto report = call.b().report();
    EXPECT_EQ(report.lost, 0U);
    EXPECT_GT(report.packets_received, 60U);
    EXPECT_EQ(report.protection, "none");
    EXPECT_GT(report.mos, 4.0);
}

TEST(MediaSession, G722ArrivesAtItsOwnClock) {
    Joined call{codecs::AudioCodec::g722, false};
    EXPECT_GT(call.talk(std::chrono::milliseconds{2000}).correlation, 0.95);
    EXPECT_EQ(call.b().report().lost, 0U);
    EXPECT_EQ(call.b().report().playout.missing, 0U);
}

TEST(MediaSession, OpusOverDtlsSrtpArrives) {
    Joined call{codecs::AudioCodec::opus, true};
    EXPECT_GT(call.talk(std::chrono::milliseconds{2000}).correlation, 0.9);
    EXPECT_EQ(call.b().report().protection, "AEAD_AES_128_GCM");
    EXPECT_EQ(call.b().report().lost, 0U);
    EXPECT_TRUE(call.a().report().round_trip_ms.has_value());
}

TEST(MediaSession, GarbageIsCountedAndChangesNothing) {
    Joined call{codecs::AudioCodec::pcmu, true};
    const std::vector<std::byte> forged(172, std::byte{0x80});
    const std::vector<std::byte> noise(50, std::byte{0x50});
    call.b().connect();
    call.a().connect();
    for (int i = 0; i < 100 && !call.b().flowing(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    ASSERT_TRUE(call.b().flowing());
    call.b().receive(1, forged);
    call.b().receive(1, noise);
    EXPECT_EQ(call.b().report().rejected, 2U);
    EXPECT_TRUE(call.b().failure().empty());
}

/// 60 packets: every third comes with the one before it, and one stands where the session looks after itself.
std::shared_ptr<const PacketSource> ready_made() {
    auto source = std::make_shared<PacketSource>();
    source->payload_type = 96;
    for (std::uint16_t i = 0; i < 60; ++i) {
        ByteWriter rtp;
        rtp.u8(0x80), rtp.u8(i % 10 == 9 ? 101 : 96), rtp.u16(static_cast<std::uint16_t>(65500 + i));
        rtp.u32(i * 160u), rtp.u32(0xCAFE);
        rtp.bytes(std::vector<std::byte>(20, static_cast<std::byte>(i)));
        source->packets.push_back({std::chrono::milliseconds{5} * (i - (i % 3 == 2 ? 1 : 0)), rtp.release()});
    }
    return source;
}

TEST(MediaSession, ReadyMadePacketsLeaveInOrderAndNoneBeforeItsTime) {
    std::mutex mutex;
    std::vector<std::vector<std::byte>> rtp;
    std::size_t reports = 0;
    MediaOptions options{.codec = codecs::AudioCodec::pcmu, .payload_type = 0, .cname = "a", .packets = ready_made()};
    options.sent = std::make_shared<PacketRecorder>();
    MediaSession session{options, std::nullopt, [&](std::uint8_t, Bytes datagram) {
                             const std::scoped_lock lock{mutex};
                             if (rtp::is_rtcp(datagram))
                                 ++reports;
                             else
                                 rtp.emplace_back(datagram.begin(), datagram.end());
                             return true;
                         }};
    const auto all = [&] {
        const std::scoped_lock lock{mutex};
        return rtp.size() >= 60;
    };
    session.connect();
    for (int i = 0; i < 500 && !all(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    session.stop();
    ASSERT_EQ(rtp.size(), 60U);
    EXPECT_GE(reports, 1U);
    const auto sent = options.sent->take();
    ASSERT_EQ(sent.size(), 60U);
    for (std::uint16_t i = 0; i < 60; ++i) {
        const auto header = rtp::Header::parse(rtp[i]);
        ASSERT_TRUE(header);
        EXPECT_EQ(header->sequence.value, static_cast<std::uint16_t>(65500 + i));
        EXPECT_EQ(header->ssrc, 0xCAFEU);
        EXPECT_EQ(header->payload_type, i % 10 == 9 ? 101 : 0) << "the codec's is the one agreed, others stay";
        EXPECT_EQ(sent[i].packet, rtp[i]);
        EXPECT_GE(sent[i].off.count(), 0);
    }
    EXPECT_EQ(session.report().packets_sent, 60U);
}

}  // namespace
}  // namespace carillon::phone
