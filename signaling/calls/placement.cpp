#include "signaling/calls/placement.h"

#include <algorithm>
#include <vector>

namespace carillon::calls {
namespace {

/// A two-way voice call: a hundred packets a second at some two microseconds each.
constexpr double kCpuPerSession = 0.0002;
constexpr double kLossWeight = 10;  // a tenth of a percent lost is as bad as one percent of a processor
constexpr std::chrono::milliseconds kShortest{200};

std::size_t cheaper(std::span<const Candidate> candidates, std::size_t a, std::size_t b) {
    if (candidates[a].full != candidates[b].full) return candidates[a].full ? b : a;
    return cost_of(candidates[b]) < cost_of(candidates[a]) ? b : a;
}

}  // namespace

void LoadMeter::take(const relay::api::WorkerStatus& status, SteadyTime now) {
    load_.sessions = status.sessions;
    load_.draining = status.draining;
    const Sample sample{status.cpu_s, status.packets, status.kernel_drops, now};
    if (last_ && (sample.cpu_s < last_->cpu_s || sample.packets < last_->packets)) last_.reset();  // it began anew
    if (last_ && now - last_->at < kShortest) return;
    if (last_) {
        const double seconds = std::chrono::duration<double>(now - last_->at).count();
        const auto passed = static_cast<double>(sample.packets - last_->packets);
        const auto dropped = static_cast<double>(sample.drops - std::min(sample.drops, last_->drops));
        const double threads = std::max<double>(1, static_cast<double>(status.threads));
        load_.cpu = std::clamp((sample.cpu_s - last_->cpu_s) / seconds / threads, 0.0, 1.0);
        load_.packets = passed / seconds;
        load_.loss = passed + dropped > 0 ? dropped / (passed + dropped) : 0;
    }
    last_ = sample;
}

double cost_of(const Candidate& candidate) {
    const auto& load = candidate.load;
    const double promised = static_cast<double>(load.sessions) * kCpuPerSession;
    return std::max(load.cpu, promised) + static_cast<double>(candidate.pending) * kCpuPerSession +
           load.loss * kLossWeight;
}

std::optional<std::size_t> choose(std::span<const Candidate> candidates, std::mt19937& random) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < candidates.size(); ++i)
        if (!candidates[i].load.draining) open.push_back(i);
    // One that has refused is asked only when there is nobody else.
    if (std::ranges::any_of(open, [&](std::size_t i) { return !candidates[i].full; }))
        std::erase_if(open, [&](std::size_t i) { return candidates[i].full; });
    if (open.empty()) return std::nullopt;
    std::uniform_int_distribution<std::size_t> first{0, open.size() - 1};
    const auto a = first(random);
    if (open.size() == 1) return open[a];
    std::uniform_int_distribution<std::size_t> second{0, open.size() - 2};
    auto b = second(random);
    if (b >= a) ++b;
    return cheaper(candidates, open[a], open[b]);
}

}  // namespace carillon::calls
