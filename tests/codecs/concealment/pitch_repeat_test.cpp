#include "codecs/concealment/pitch_repeat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numbers>

namespace carillon::codecs {
namespace {

constexpr unsigned kRate = 8000;
constexpr std::size_t kFrame = kRate / 50;
using Frame = std::vector<std::int16_t>;

/// A buzz of that pitch, as a voice is: many harmonics.
class Voice {
  public:
    explicit Voice(double hertz) : hertz_{hertz} {}
    Frame next() {
        Frame out(kFrame);
        for (auto& sample : out) {
            double sum = 0;
            for (int k = 1; k < 8; ++k) sum += std::sin(2 * std::numbers::pi * hertz_ * k * n_ / kRate + k) / k;
            sample = static_cast<std::int16_t>(5000 * sum), ++n_;
        }
        return out;
    }

  private:
    double hertz_;
    double n_ = 0;
};

double correlation(const Frame& a, const Frame& b) {
    double ab = 0, aa = 1, bb = 1;
    for (std::size_t i = 0; i < a.size(); ++i)
        ab += 1.0 * a[i] * b[i], aa += 1.0 * a[i] * a[i], bb += 1.0 * b[i] * b[i];
    return ab / std::sqrt(aa * bb);
}

double level(std::span<const std::int16_t> sound) {
    double sum = 0;
    for (const auto sample : sound) sum += 1.0 * sample * sample;
    return std::sqrt(sum / static_cast<double>(sound.size()));
}

TEST(G711AppendixI, ALostFrameOfAVoiceIsGuessedInPhase) {
    for (const double hertz : {90.0, 130.0, 180.0}) {
        Voice voice{hertz};
        PitchRepeat concealed{kRate};
        for (int i = 0; i < 5; ++i) {
            auto good = voice.next();
            concealed.remember(good);
        }
        const auto lost = voice.next();
        Frame guess(kFrame);
        concealed.guess(guess);
        EXPECT_GT(correlation(lost, guess), 0.9) << hertz;
    }
}

TEST(G711AppendixI, ThereIsNoStepAtEitherEndOfAGuess) {
    Voice voice{120};
    PitchRepeat concealed{kRate};
    Frame heard;
    int steepest = 0;
    for (int i = 0; i < 12; ++i) {
        auto frame = voice.next();
        for (std::size_t k = 1; k < frame.size(); ++k) steepest = std::max(steepest, std::abs(frame[k] - frame[k - 1]));
        i == 6 || i == 7 ? concealed.guess(frame) : concealed.remember(frame);
        heard.insert(heard.end(), frame.begin(), frame.end());
    }
    for (std::size_t k = 1; k < heard.size(); ++k) ASSERT_LE(std::abs(heard[k] - heard[k - 1]), steepest * 1.15) << k;
}

TEST(G711AppendixI, FadesFrom10To60MillisecondsAndThenThereIsSilence) {
    Voice voice{150};
    PitchRepeat concealed{kRate};
    auto good = voice.next();
    concealed.remember(good);
    for (int i = 0; i < 4; ++i) good = voice.next(), concealed.remember(good);
    Frame guess(4 * kFrame);
    concealed.guess(guess);
    const std::span all{guess};
    EXPECT_NEAR(level(all.first(80)), level(good), level(good) * 0.25);
    double before = level(all.subspan(80, 80));
    for (std::size_t ms = 20; ms < 60; ms += 10) {
        const auto now = level(all.subspan(ms * 8, 80));
        EXPECT_LT(now, before) << ms;
        before = now;
    }
    EXPECT_EQ(level(all.subspan(480)), 0);
}

TEST(G711AppendixI, WithLittleOrNothingHeardItGuessesLittleOrNothing) {
    PitchRepeat concealed{kRate};
    Frame frame(kFrame, 7);
    concealed.guess(frame);
    EXPECT_EQ(frame, Frame(kFrame, 0));
    for (const std::size_t samples : {1U, 40U, 81U, 100U, 161U, 200U}) {
        PitchRepeat young{kRate};
        Frame first(samples, 1000);
        young.remember(first);
        Frame guess(500);
        young.guess(guess);
        for (const auto sample : guess) ASSERT_LE(std::abs(sample), 1000) << samples;
        young.remember(first);
    }
}

}  // namespace
}  // namespace carillon::codecs
