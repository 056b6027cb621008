/// What the receiver's delay comes to under networks of several kinds, and that nobody hears it adapt.
#include "relay/media/audio_receiver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <numbers>
#include <random>

#include "codecs/g711/g711.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = AudioReceiver::Heard::Kind;

constexpr std::size_t kFrame = 160;

/// A tone in PCMU, packets delayed one by one; the receiver is asked each 20 ms, a little after packets were sent.
class Way {
  public:
    /// `delay(i)` of packet i; negative: lost. `pause(i)`: not sent, and not numbered.
    template <class Delay>
    void run(int frames, Delay delay, bool pauses = false) {
        for (int end = sent_ + frames; sent_ < end; ++sent_) {
            const auto now = SteadyTime{1h} + sent_ * 20ms;
            if (!pauses) {
                const auto after = delay(sent_);
                const auto packet = sender_.packet(0, false, spoken(), kFrame);
                if (after >= 0ms) under_way_.emplace_back(now + after, packet);
            } else {
                phase_ += 0.3 * kFrame;
                sender_.pass(kFrame);
            }
            std::ranges::stable_sort(under_way_, {}, &Packet::first);
            while (!under_way_.empty() && under_way_.front().first <= now + 5ms) {
                receiver_.on_rtp(under_way_.front().second, under_way_.front().first);
                under_way_.pop_front();
            }
            listen();
        }
    }
    AudioReceiver& receiver() { return receiver_; }
    int guessed = 0, nothing = 0;
    int steepest = 0;  // step from one sample to the next while nothing was guessed

  private:
    using Packet = std::pair<SteadyTime, std::vector<std::byte>>;

    std::vector<std::byte> spoken() {
        std::vector<std::byte> out;
        for (std::size_t i = 0; i < kFrame; ++i)
            out.push_back(
                std::byte{codecs::g711::encode_mu(static_cast<std::int16_t>(8000 * std::sin(phase_ += 0.3)))});
        return out;
    }
    void listen() {
        const auto heard = receiver_.frame();
        guessed += heard.kind == Kind::guessed;
        nothing += heard.kind == Kind::nothing;
        for (const auto sample : heard.samples) {
            if (heard.kind == Kind::sound && sound_) steepest = std::max(steepest, std::abs(sample - last_));
            last_ = sample;
        }
        sound_ = heard.kind == Kind::sound;
    }

    AudioReceiver receiver_{{.codec = "PCMU", .payload_type = 0}};
    rtp::RtpSender sender_{7, 0, 0};
    std::deque<Packet> under_way_;
    double phase_ = 0;
    int sent_ = 0;
    std::int16_t last_ = 0;
    bool sound_ = false;
};

constexpr int kStep = 2500;  // of that tone: 8000 * 0.3, and the steps of PCMU

TEST(AudioReceiverDelay, OnACalmNetworkComesDownToOnePacketInReserveWithoutAClick) {
    Way way;
    way.run(50, [](int) { return 0ms; });
    EXPECT_EQ(way.receiver().delay(), 40ms);
    const int before = way.guessed;
    way.run(450, [](int) { return 0ms; });
    EXPECT_GE(way.receiver().delay(), 19ms);
    EXPECT_LE(way.receiver().delay(), 25ms);
    EXPECT_EQ(way.guessed, before);
    EXPECT_LT(way.steepest, kStep);
}

TEST(AudioReceiverDelay, GrowsToWhatTheNetworkNeedsAndStays) {
    Way way;
    std::mt19937 random{9};
    const auto jittery = [&](int) { return milliseconds{random() % 90}; };
    way.run(500, jittery);
    const int learning = way.guessed;
    EXPECT_GE(way.receiver().delay(), 20ms);
    way.run(1500, jittery);
    EXPECT_LE(way.guessed - learning, 15) << "half a percent of what was played";
    // And comes down again when it is calm.
    way.run(3000, [](int) { return 0ms; });
    EXPECT_LE(way.receiver().delay(), 30ms);
    EXPECT_LT(way.steepest, 2 * kStep);
}

TEST(AudioReceiverDelay, PausesOfASenderAddNone) {
    Way way;
    const auto calm = [](int) { return 0ms; };
    way.run(200, calm);
    const auto before = way.receiver().delay();
    for (int i = 0; i < 10; ++i) {
        way.run(18, calm, true);
        way.run(3, calm);
    }
    way.run(20, calm);
    EXPECT_LE(way.receiver().delay(), before + 20ms);
    EXPECT_GE(way.receiver().delay(), before - 20ms);
}

TEST(AudioReceiverDelay, LossesAreNoReasonForMore) {
    Way way;
    std::mt19937 random{4};
    way.run(2000, [&](int) { return random() % 10 == 0 ? -1ms : 0ms; });
    EXPECT_LE(way.receiver().delay(), 40ms);
}

TEST(AudioReceiverDelay, AFasterClockOfTheSendersIsFollowed) {
    Way way;
    // 0.2 % fast: packets come earlier and earlier against our ticks.
    way.run(3000, [](int i) { return milliseconds{std::max(0, 120 - i / 25)}; });
    EXPECT_LE(way.receiver().delay(), 60ms);
}

}  // namespace
}  // namespace carillon::relay
