#include "relay/media/video_rate.h"

#include <algorithm>

namespace carillon::relay {

void VideoRate::on_estimate(std::uint64_t bits_per_second) { estimate_ = std::max<std::uint64_t>(bits_per_second, 1); }

void VideoRate::on_loss(double fraction, SteadyTime now) {
    constexpr double kMuch = 0.1, kLittle = 0.02, kStep = 1.08;
    constexpr std::chrono::milliseconds kPause{500};
    if (now - raised_ < kPause) return;
    raised_ = now;
    const double was = target();
    if (fraction > kMuch) target_ = static_cast<unsigned>(was * (1 - fraction / 2));
    if (fraction < kLittle) target_ = static_cast<unsigned>(was * kStep) + 1000;
    target_ = std::clamp(target_, kLeast, limit_);
}

unsigned VideoRate::target() const {
    const auto said = estimate_ == 0 ? std::uint64_t{limit_} : estimate_;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(std::min<std::uint64_t>(said, target_), kLeast, limit_));
}

}  // namespace carillon::relay
