/// What the worker tells of itself: load, packets, processor time.
#include "relay/control/worker.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "config/base/log.h"

namespace carillon::relay {

namespace proto = api::proto;

namespace {

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void Worker::open_kernel_path() {
    if (options_.kernel_path.empty()) return;
    auto opened = KernelPath::open(
        {.devices = options_.kernel_path,
         .first_port = options_.ports.first,
         .last_port = options_.ports.last,
         .first_ice_port = options_.ice_port,
         .last_ice_port = static_cast<std::uint16_t>(options_.ice_port + (options_.ice_port ? shards_.size() : 1) - 1)});
    if (opened) {
        kernel_ = std::move(*opened);
    } else {
        log::warning("the kernel does not forward media, the worker does", {{"why", opened.error()}});
    }
}

std::uint64_t Worker::allocations() const {
    std::uint64_t sum = 0;
    for (const auto& counters : turn_) sum += counters->allocations;
    return sum;
}

std::uint64_t Worker::packets() const {
    std::uint64_t sum = 0;
    for (const auto& shard : shards_) sum += shard->forwarded();
    for (const auto& counters : turn_) sum += counters->packets;
    for (const auto* outlet : outlets_) sum += outlet->sent();
    for (const auto& counters : ice_ports_.counters()) sum += counters->packets;
    return sum + ice_tcp_.packets();
}

api::LatencyCounts Worker::latency() const {
    api::LatencyCounts sum{};
    for (const auto& shard : shards_) shard->latency().add_to(sum);
    for (const auto& counters : ice_ports_.counters()) counters->latency.add_to(sum);
    return sum;
}

void Worker::remember_latency() {
    constexpr std::chrono::minutes kWindow{1};
    const auto now = std::chrono::steady_clock::now();
    if (now - latency_kept_ < kWindow) return;
    latency_kept_ = now;
    latency_before_ = {latency_before_[1], latency()};
}

void Worker::measure() {
    remember_latency();
    const auto now = std::chrono::steady_clock::now();
    const Sample sample{now, cpu_seconds(), packets()};
    if (const double passed = std::chrono::duration<double>(now - sample_.at).count(); passed > 0.1) {
        cpu_load_ = std::max(0.0, sample.cpu_s - sample_.cpu_s) / passed;
        packets_per_second_ =
            static_cast<std::uint64_t>(static_cast<double>(sample.packets - sample_.packets) / passed);
        sample_ = sample;
    }
}

void Worker::status(Respond respond) {
    proto::Reply reply;
    auto& status = *reply.mutable_status();
    status.set_program("carillon-relay");
    status.set_sessions(sessions_.size());
    std::uint64_t streams = 0;
    for (const auto load : shard_load_) streams += load;
    status.set_streams(streams);
    status.set_ports_free(ports_.free());
    status.set_draining(draining_);
    status.set_threads(static_cast<std::uint32_t>(shards_.size()));
    std::uint64_t kernel_drops = 0;
    for (const auto& shard : shards_) kernel_drops += shard->kernel_drops();
    for (const auto& counters : turn_) kernel_drops += counters->kernel_drops;
    for (const auto& counters : ice_ports_.counters()) {
        kernel_drops += counters->kernel_drops;
    }
    for (const auto& [why, number] : ice_ports_.drops()) (*status.mutable_drops())[why] = number;
    for (const auto& [why, number] : ice_tcp_.drops()) (*status.mutable_drops())[why] = number;
    status.set_ice_tcp_connections(ice_tcp_.connections());
    status.set_kernel_drops(kernel_drops);
    std::uint64_t bindings = 0;
    for (const auto& shard : shards_) bindings += shard->binding_requests();
    std::array<std::uint64_t, 4> turn{};
    for (const auto& counters : turn_) {
        bindings += counters->bindings;
        turn[0] += counters->unauthorized;
        turn[1] += counters->packets;
        turn[2] += counters->dropped;
        turn[3] += counters->connections;
    }
    const auto media = programs_->load();
    status.set_media_jobs(media.jobs);
    status.set_media_busy(media.busiest);
    status.set_media_late(media.late);
    const auto video = programs_->video_load();
    status.set_video_jobs(video.jobs);
    status.set_video_busy(video.busiest);
    status.set_turn_allocations(allocations());
    status.set_turn_unauthorized(turn[0]);
    status.set_turn_packets(turn[1]);
    status.set_turn_dropped(turn[2]);
    status.set_turn_connections(turn[3]);
    status.set_packets(packets());
    status.set_kernel_flows(kernel_ ? kernel_->flows() : 0);
    status.set_binding_requests(bindings);
    status.set_cpu_s(cpu_seconds());
    status.set_cpu_load(cpu_load_);
    auto delays = latency();
    status.mutable_latency()->Assign(delays.begin(), delays.end());
    for (std::size_t i = 0; i < delays.size(); ++i) delays[i] -= latency_before_[0][i];
    status.set_latency_p50_us(api::latency_quantile(delays, 0.5));
    status.set_latency_p99_us(api::latency_quantile(delays, 0.99));
    status.set_packets_per_second(packets_per_second_);
    status.set_uptime_s(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count()));
    respond(std::move(reply));
}

}  // namespace carillon::relay
