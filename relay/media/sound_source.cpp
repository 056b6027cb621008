#include "relay/media/sound_source.h"

#include <algorithm>

#include "config/base/log.h"
#include "relay/media/pipeline_source.h"

namespace carillon::relay {
namespace {

constexpr std::size_t kMostClips = 256;

}  // namespace

bool Echo::next(std::span<std::int16_t> frame, const AudioReceiver::Heard& heard) {
    std::ranges::copy(heard.samples.first(std::min(heard.samples.size(), frame.size())), frame.begin());
    return true;
}

bool Player::next(std::span<std::int16_t> frame, const AudioReceiver::Heard&) {
    std::size_t idle = 0;  // recordings passed over without a sample
    for (std::size_t filled = 0; filled < frame.size() && !ended() && idle <= recordings_.size();) {
        const auto& samples = *recordings_[at_];
        const auto count = std::min(frame.size() - filled, samples.size() - position_);
        std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(position_), count,
                    frame.begin() + static_cast<std::ptrdiff_t>(filled));
        filled += count;
        position_ += count;
        idle = count == 0 ? idle + 1 : 0;
        if (position_ < samples.size()) continue;
        position_ = 0;
        ++at_;
        if (ended() && loop_) at_ = 0;
    }
    return true;
}

std::expected<std::unique_ptr<SoundSource>, std::string> make_source(const api::Source& wanted, unsigned sample_rate,
                                                                     SoundLibrary& library) {
    using Kind = api::Source::Kind;
    if (wanted.kind == Kind::echo) return std::make_unique<Echo>();
    if (wanted.kind == Kind::silence) return std::make_unique<Silence>();
    if (wanted.clips.size() > kMostClips) return std::unexpected{"a source has at most 256 clips"};
    // Again and again: it need not have an end.
    if (wanted.loop && wanted.clips.size() == 1 && !wanted.clips[0].pipeline.empty()) {
        auto shared = library.share_pipeline(wanted.clips[0].pipeline);
        if (!shared) return std::unexpected{shared.error()};
        return std::make_unique<PipelineSource>(std::move(*shared), sample_rate);
    }
    std::vector<Recording> recordings;
    for (const auto& clip : wanted.clips) {
        auto recording = library.get(clip, sample_rate);
        if (!recording && !clip.pipeline.empty()) {
            // It is there for the next one, or does not work; who calls is answered all the same.
            log::warning("a sound is left out", {{"why", recording.error()}});
            recording = std::make_shared<const std::vector<std::int16_t>>();
        }
        if (!recording) return std::unexpected{recording.error()};
        recordings.push_back(std::move(*recording));
    }
    return std::make_unique<Player>(std::move(recordings), wanted.loop);
}

}  // namespace carillon::relay
