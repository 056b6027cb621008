#include "relay/engine/stream_flows.h"

#include <algorithm>
#include <utility>

namespace carillon::relay {
StreamFlows::StreamFlows(std::shared_ptr<KernelPath> path, std::vector<Place> places) : path_{std::move(path)} {
    for (auto& place : places) flows_.push_back({.place = place, .way = {}});
    generation_ = path_->generation();
}

const StreamFlows::Place* StreamFlows::place_of(int fd) const {
    const auto found = std::ranges::find_if(flows_, [&](const Flow& flow) { return flow.place.fd == fd; });
    return found == flows_.end() ? nullptr : &found->place;
}

// A packet of a flow that is in the kernel comes here when the kernel does not know what to make of it: another RTP
// stream has begun, or the same one anew. When many come, the flow is put again with what is known by then.
void StreamFlows::passed(std::size_t port, const Way& way, SteadyTime now) {
    auto& flow = flows_[port];
    if (way != flow.way) {
        if (flow.in) return;
        flow.way = way;
        flow.run = 0;
        flow.wanted = kSettled;
    }
    if (++flow.run < flow.wanted || !allowed_) return;
    flow.run = 0;
    flow.wanted = std::min(flow.wanted * 2, kReluctant);  // who does not settle is asked ever more rarely
    if (flow.in) take_back(port);
    put(flow);
    flow.since = now;
}

void StreamFlows::put(Flow& flow) {
    const auto* out = place_of(flow.way.fd);
    if (!out) return;
    carillon_flow begin{};
    if (!flow.place.near->describe(begin)) return;
    carillon_srtp srtp{};
    if (flow.place.ends && !flow.place.ends.lend(begin, srtp)) return;
    if (in_kernel_ == 0) generation_ = path_->generation();
    const auto key = path_->put({flow.way.from, flow.place.local, out->local, flow.way.to}, begin,
                                flow.place.ends ? &srtp : nullptr);
    if (!key) return;
    flow.key = *key;
    flow.last = begin;
    flow.forged = flow.replayed = 0;
    flow.in = true;
    ++in_kernel_;
}

bool StreamFlows::has(std::size_t port, std::uint32_t ssrc, SteadyTime now) const {
    const auto& flow = flows_[port];
    return flow.in && now - flow.since > kInFlight &&
           std::ranges::any_of(flow.last.streams, [&](const carillon_flow_stream& stream) {
               return stream.used != 0 && stream.ssrc == ssrc;
           });
}

void StreamFlows::absorb(Flow& flow, const std::optional<carillon_flow>& read, const carillon_srtp& srtp) {
    if (!read) return;
    if (flow.place.ends) {
        flow.place.ends.take(*read, srtp);
        auto& drops = flow.place.near->drops;
        drops[static_cast<std::size_t>(Drop::bad_srtp)] += srtp.forged - std::exchange(flow.forged, srtp.forged);
        drops[static_cast<std::size_t>(Drop::replayed)] += srtp.replayed - std::exchange(flow.replayed, srtp.replayed);
    }
    forwarded_ += read->packets - flow.last.packets;
    flow.place.near->add(*read, flow.last);
    flow.last = *read;
}

std::uint64_t StreamFlows::gather(std::size_t port) {
    auto& flow = flows_[port];
    if (!flow.in) return 0;
    const auto before = flow.last.packets;
    carillon_srtp srtp{};
    const auto now = path_->read(flow.key, flow.place.ends ? &srtp : nullptr);
    absorb(flow, now, srtp);
    return flow.last.packets - before;
}

void StreamFlows::take_back(std::size_t port) {
    auto& flow = flows_[port];
    if (!flow.in) return;
    carillon_srtp srtp{};
    const auto last = path_->remove(flow.key, flow.place.ends ? &srtp : nullptr);
    absorb(flow, last, srtp);
    flow.in = false;
    --in_kernel_;
}

// Hosts with containers or virtual machines change something every other moment that touches no flow.
void StreamFlows::follow_routes() {
    const auto generation = path_->generation();
    if (generation == generation_) return;
    generation_ = generation;
    for (std::size_t port = 0; port < flows_.size(); ++port) {
        auto& flow = flows_[port];
        if (!flow.in) continue;
        const auto* out = place_of(flow.way.fd);
        const KernelPath::Way way{flow.way.from, flow.place.local, out->local, flow.way.to};
        const auto now = path_->read(flow.key, nullptr);
        if (now && path_->still_right(flow.key, way, *now)) continue;
        take_back(port);
        flow.wanted = kSettled;  // no fault of its own
    }
}

void StreamFlows::take_back() {
    for (std::size_t port = 0; port < flows_.size(); ++port) take_back(port);
}

void StreamFlows::allow(bool allowed) {
    allowed_ = allowed;
    if (!allowed) take_back();
}

}  // namespace carillon::relay
