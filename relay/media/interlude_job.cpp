#include "relay/media/interlude_job.h"

namespace carillon::relay {

void InterludeJob::set(const api::Program& program, Interlude::Sources sources) {
    const std::array formats{&program.a, &program.b};
    for (std::size_t leg = 0; leg < 2; ++leg) {
        auto& way = ways_[leg];
        way.interlude.set(program.instead[leg], std::move(sources[leg]));
        if (!way.interlude.plays() || (way.sender && way.format == *formats[leg])) continue;
        way.format = *formats[leg];
        way.sender = std::make_unique<AudioSender>(way.format, leg);
    }
}

/// Reports are the ends' own: they are made to fit where they pass.
void InterludeJob::tick(MediaPort& port, SteadyTime now) {
    for (auto& way : ways_) {
        if (!way.interlude.plays()) continue;
        frame_.assign(way.sender->sample_rate() / 50, 0);
        way.interlude.fill(frame_);
        way.sender->sound(frame_, port, now);
    }
}

void InterludeJob::skip(std::size_t ticks) {
    for (auto& way : ways_)
        if (way.interlude.plays()) way.sender->nothing(ticks);
}

}  // namespace carillon::relay
