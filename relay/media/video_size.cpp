#include "relay/media/video_size.h"

#include <algorithm>

namespace carillon::relay {
namespace {

constexpr double kBitsOfAPixel = 0.035;  // below that a smaller picture looks better
constexpr double kMargin = 1.6;          // for the way up
constexpr std::chrono::seconds kPatience{4};
constexpr std::chrono::seconds kLatePause{1};
constexpr std::chrono::seconds kRecovered{15};
constexpr unsigned kLeastSide = 16;  // encoders want no less

}  // namespace

VideoSize::Size VideoSize::scaled(unsigned width, unsigned height, std::size_t step) {
    const auto side = [&](unsigned length) {
        return std::max(length * kSteps[step].part / kSteps[step].whole & ~1u, kLeastSide);
    };
    return {side(width), side(height)};
}

VideoSize::Size VideoSize::choose(unsigned width, unsigned height, double frames_per_second, unsigned bitrate,
                                  SteadyTime now) {
    const auto needed = [&](std::size_t step) {
        const auto size = scaled(width, height, step);
        return kBitsOfAPixel * size.width * size.height * std::clamp(frames_per_second, 5.0, 60.0);
    };
    std::size_t least = least_step_;
    while (least + 1 < kSteps.size()) {
        const auto size = scaled(width, height, least);
        if (most_pixels_ == 0 || std::uint64_t{size.width} * size.height <= most_pixels_) break;
        ++least;
    }
    if (least_step_ > 0 && now - late_ > kRecovered) {
        --least_step_;
        late_ = now;
    }
    while (step_ + 1 < kSteps.size() && (step_ < least || needed(step_) > bitrate)) {
        ++step_;
        roomy_ = {};
    }
    const bool roomy = step_ > least && needed(step_ - 1) * kMargin <= bitrate;
    if (!roomy) {
        roomy_ = {};
    } else if (roomy_ == SteadyTime{}) {
        roomy_ = now;
    } else if (now - roomy_ > kPatience) {
        --step_;
        roomy_ = {};
    }
    return scaled(width, height, step_);
}

void VideoSize::on_late(SteadyTime now) {
    if (least_step_ > 0 && now - late_ < kLatePause) return;
    late_ = now;
    least_step_ = std::min(std::max(least_step_, step_) + 1, kSteps.size() - 1);
}

}  // namespace carillon::relay
