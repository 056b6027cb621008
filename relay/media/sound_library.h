/// Recordings that programs play, read once and kept at the rates that are asked for.
/// Not here: playing them (sound_source.h).
#pragma once
#include <cstdint>
#include <expected>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "relay/api/program.h"

namespace carillon::pipeline {
class SoundPipeline;
}

namespace carillon::relay {

using Recording = std::shared_ptr<const std::vector<std::int16_t>>;

/// Threading: the control thread.  Owns: the latest recordings; who plays one shares it.
class SoundLibrary {
  public:
    /// The clip at that sample rate; the error is a sentence. Tones are made.
    /// A pipeline's is the sound until its end, ten minutes of it at most.
    std::expected<Recording, std::string> get(const api::Clip& clip, unsigned sample_rate);
    /// One for all who listen.
    std::expected<std::shared_ptr<pipeline::SoundPipeline>, std::string> share_pipeline(const std::string& description);

  private:
    struct Entry {
        std::string file;
        std::int64_t changed = 0;
        unsigned rate = 0;
        Recording recording;
    };
    static constexpr std::size_t kKept = 64;
    static constexpr std::uintmax_t kLargest = 64u << 20;   // octets of a file
    static constexpr std::size_t kMostSamples = 32u << 20;  // kept of all
    void forget();

    static constexpr std::size_t kPipelines = 16;
    std::list<Entry> entries_;  // latest first
    std::map<std::string, std::shared_ptr<pipeline::SoundPipeline>> pipelines_;
};

}  // namespace carillon::relay
