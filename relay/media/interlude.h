/// What an end hears in the place of the other one for a while.
/// Not here: which end and how long (signaling), the sound (sound_source.h).
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "relay/api/program.h"
#include "relay/media/sound_source.h"

namespace carillon::relay {

/// Threading: the media thread's.
class Interlude {
  public:
    using Sources = std::array<std::unique_ptr<SoundSource>, 2>;  ///< by leg

    /// What plays already goes on.
    void set(const std::optional<api::Source>& wanted, std::unique_ptr<SoundSource> source) {
        if (wanted == wanted_ && (source_ || !wanted)) return;
        wanted_ = wanted;
        source_ = wanted ? std::move(source) : nullptr;
    }
    bool plays() const { return source_ != nullptr; }
    /// Zeros before.
    void fill(std::span<std::int16_t> frame) { source_->next(frame, {}); }

  private:
    std::optional<api::Source> wanted_;
    std::unique_ptr<SoundSource> source_;
};

}  // namespace carillon::relay
