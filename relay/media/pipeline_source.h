/// A listener of a GStreamer pipeline that many share.
/// Not here: the pipeline (media/pipeline).
#pragma once
#include <memory>
#include <vector>

#include "codecs/resample/resampler.h"
#include "media/pipeline/sound_pipeline.h"
#include "relay/media/sound_source.h"

namespace carillon::relay {

/// Threading: the media thread's.
class PipelineSource final : public SoundSource {
  public:
    PipelineSource(std::shared_ptr<pipeline::SoundPipeline> pipeline, unsigned sample_rate)
        : pipeline_{std::move(pipeline)}, fresh_(pipeline::SoundPipeline::kRate / 50) {
        if (sample_rate != pipeline::SoundPipeline::kRate)
            resampler_ = std::make_unique<codecs::Resampler>(pipeline::SoundPipeline::kRate, sample_rate);
    }
    bool next(std::span<std::int16_t> frame, const AudioReceiver::Heard& heard) override;

  private:
    std::shared_ptr<pipeline::SoundPipeline> pipeline_;
    pipeline::SoundPipeline::Place place_;
    std::unique_ptr<codecs::Resampler> resampler_;
    std::vector<std::int16_t> fresh_;
    std::vector<std::int16_t> waiting_;  // resampled, not played yet
};

}  // namespace carillon::relay
