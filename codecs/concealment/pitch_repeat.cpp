#include "codecs/concealment/pitch_repeat.h"

#include <algorithm>
#include <cmath>

namespace carillon::codecs {
namespace {

constexpr unsigned kHistory = 450, kShortest = 50, kLongest = 150, kCompared = 200, kStep = 100, kSilent = 600,
                   kJoin = 40;  // tenths of a millisecond
constexpr std::size_t kMostPeriods = 3;

}  // namespace

void PitchRepeat::remember(std::span<std::int16_t> good) {
    if (guessed_ > 0 && period_ > 0) {
        const auto join = std::min(samples(kJoin), good.size());
        for (std::size_t i = 0; i < join; ++i) {
            const auto whole = static_cast<int>(join), share = static_cast<int>(i);
            good[i] = static_cast<std::int16_t>((next() * (whole - share) + good[i] * share) / whole);
        }
    }
    guessed_ = period_ = 0;
    const auto most = samples(kHistory);
    const auto newest = good.last(std::min(good.size(), most));
    if (history_.size() + newest.size() > most)
        history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(most - newest.size()));
    history_.insert(history_.end(), newest.begin(), newest.end());
}

void PitchRepeat::guess(std::span<std::int16_t> out) {
    if (guessed_ == 0) begin();
    for (auto& sample : out) {
        sample = period_ > 0 ? next() : std::int16_t{0};
        if (period_ > 0 && guessed_ % samples(kStep) == 0) lengthen();
    }
}

void PitchRepeat::begin() {
    periods_ = at_ = 0;
    period_ = best_period();
    if (period_ > 0) lengthen();
}

/// The lag at which the last 20 ms are most like what was before them; 0 when too little has been heard.
std::size_t PitchRepeat::best_period() const {
    const auto longest = samples(kLongest);
    if (history_.size() < longest + samples(kStep))
        return history_.size() >= 2 * samples(kShortest) ? history_.size() / 2 : 0;
    const auto length = std::min(samples(kCompared), history_.size() - longest);
    const auto* now = &history_[history_.size() - length];
    std::size_t best = longest;
    double most = -2;
    for (auto lag = samples(kShortest); lag <= longest; ++lag) {
        double product = 0, before = 1, own = 1;
        for (std::size_t i = 0; i < length; ++i) {
            const double a = now[i], b = now[static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(lag)];
            product += a * b, before += b * b, own += a * a;
        }
        const double alike = product / std::sqrt(before * own);
        if (alike > most + 0.001) most = alike, best = lag;
    }
    return best;
}

/// One period more is repeated, so that a long guess does not buzz; its end leads over to its beginning.
void PitchRepeat::lengthen() {
    const auto fits = (history_.size() - period_ / 4) / period_;
    if (periods_ >= std::min(kMostPeriods, fits)) return;
    ++periods_;
    const auto length = period_ * periods_;
    const auto begin = history_.end() - static_cast<std::ptrdiff_t>(length);
    loop_.assign(begin, history_.end());
    const auto overlap = period_ / 4;
    for (std::size_t i = 0; i < overlap; ++i) {
        const auto whole = static_cast<int>(overlap), share = static_cast<int>(i);
        const int leads = *(begin - static_cast<std::ptrdiff_t>(overlap - i));
        auto& sample = loop_[length - overlap + i];
        sample = static_cast<std::int16_t>((sample * (whole - share) + leads * share) / whole);
    }
    at_ %= period_;  // the same place within a period
}

std::int16_t PitchRepeat::next() {
    const auto full = samples(kStep), silent = samples(kSilent);
    const auto passed = guessed_++;
    if (passed >= silent) return 0;
    const int sample = loop_[at_++];
    if (at_ >= loop_.size()) at_ = 0;
    if (passed < full) return static_cast<std::int16_t>(sample);
    return static_cast<std::int16_t>(sample * static_cast<int>(silent - passed) / static_cast<int>(silent - full));
}

}  // namespace carillon::codecs
