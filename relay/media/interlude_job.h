/// Speaks to an end of a bridge in the place of the other one: music while that one has put it on hold. What the ends
/// say to one another is not its business.
/// Spec: docs/endpoints.md.  Not here: making one stream of both (splice.h).
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "relay/media/audio_sender.h"
#include "relay/media/interlude.h"

namespace carillon::relay {

class InterludeJob final : public MediaJob {
  public:
    InterludeJob(const api::Program& program, Interlude::Sources sources) { set(program, std::move(sources)); }

    void tick(MediaPort& port, SteadyTime now) override;
    void skip(std::size_t ticks) override;
    void set(const api::Program& program, Interlude::Sources sources);

  private:
    struct Way {
        api::AudioFormat format;
        Interlude interlude;
        std::unique_ptr<AudioSender> sender;
    };
    std::array<Way, 2> ways_;  // by the leg that hears it
    std::vector<std::int16_t> frame_;
};

}  // namespace carillon::relay
