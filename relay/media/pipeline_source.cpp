#include "relay/media/pipeline_source.h"

#include <algorithm>

namespace carillon::relay {

bool PipelineSource::next(std::span<std::int16_t> frame, const AudioReceiver::Heard&) {
    while (waiting_.size() < frame.size()) {
        pipeline_->read(place_, fresh_);
        if (!resampler_) {
            waiting_.insert(waiting_.end(), fresh_.begin(), fresh_.end());
            continue;
        }
        const auto fitting = resampler_->process(fresh_);
        waiting_.insert(waiting_.end(), fitting.begin(), fitting.end());
    }
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(frame.size());
    std::copy(waiting_.begin(), end, frame.begin());
    waiting_.erase(waiting_.begin(), end);
    return true;
}

}  // namespace carillon::relay
