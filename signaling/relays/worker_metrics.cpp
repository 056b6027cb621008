#include "signaling/relays/worker_metrics.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <cstdio>

#include "config/base/worker_address.h"
#include "relay/api/client.h"
#include "relay/api/latency.h"

namespace carillon::relays {
namespace {

namespace asio = boost::asio;
using relay::api::Client;
using relay::api::Error;
using relay::api::WorkerStatus;

constexpr std::chrono::seconds kInterval{5};

/// A histogram as Prometheus has them: each bucket counts what took at most so long.
void write_latency(metrics::Registry& registry, const std::string& name, const std::vector<std::uint64_t>& counts) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts.size() && i < relay::api::kLatencyBuckets; ++i) {
        sum += counts[i];
        std::array<char, 32> bound{"+Inf"};
        if (i < relay::api::kLatencyBounds.size())
            std::snprintf(bound.data(), bound.size(), "%g", relay::api::kLatencyBounds[i] / 1e6);
        registry
            .gauge("carillon_relay_latency_seconds_bucket",
                   "Packets looked at by their time from the kernel's arrival to after the send.",
                   {{"worker", name}, {"le", bound.data()}})
            .set(static_cast<std::int64_t>(sum));
    }
    registry.gauge("carillon_relay_latency_seconds_count", "Packets looked at.", {{"worker", name}})
        .set(static_cast<std::int64_t>(sum));
}

void write(metrics::Registry& registry, const std::string& name, const WorkerStatus& status) {
    const metrics::Labels worker{{"worker", name}};
    const auto set = [&](const char* metric, const char* help, std::uint64_t value) {
        registry.gauge(std::string{"carillon_relay_"} + metric, help, worker).set(static_cast<std::int64_t>(value));
    };
    set("draining", "Whether the worker takes no new sessions.", status.draining ? 1 : 0);
    set("sessions", "Sessions that it holds.", status.sessions);
    set("streams", "Streams of these sessions.", status.streams);
    set("ports_free", "Ports that nobody has.", status.ports_free);
    set("packets", "Packets that have left it.", status.packets);
    set("packets_per_second", "Packets that leave it in a second.", status.packets_per_second);
    set("kernel_flows", "Flows of media that the kernel forwards now.", status.kernel_flows);
    set("kernel_drops", "Datagrams that found a socket full.", status.kernel_drops);
    set("cpu_permille", "Of one processor, over the last second.",
        static_cast<std::uint64_t>(std::llround(status.cpu_load * 1000)));
    set("latency_p50_microseconds", "Half of the packets looked at took no longer through the relay.",
        static_cast<std::uint64_t>(std::llround(status.latency_p50_us)));
    set("latency_p99_microseconds", "99 % of the packets looked at took no longer through the relay.",
        static_cast<std::uint64_t>(std::llround(status.latency_p99_us)));
    write_latency(registry, name, status.latency);
    set("media_jobs", "Programs that decode or encode.", status.media_jobs);
    set("video_jobs", "Programs that decode and encode pictures.", status.video_jobs);
    set("video_busy_permille", "The busiest thread for pictures.",
        static_cast<std::uint64_t>(std::llround(status.video_busy * 1000)));
    set("stun_bindings", "STUN binding requests that were answered.", status.binding_requests);
    set("turn_allocations", "TURN allocations now.", status.turn_allocations);
    set("ice_tcp_connections", "Connections of ICE over TCP now.", status.ice_tcp_connections);
    set("turn_connections", "TURN clients over TCP, TLS and DTLS now.", status.turn_connections);
    set("turn_packets", "Packets relayed for TURN clients.", status.turn_packets);
    set("turn_dropped", "Of them dropped: no permission, over the bandwidth, no room.", status.turn_dropped);
    set("turn_unauthorized", "TURN requests without credentials that hold.", status.turn_unauthorized);
    set("uptime_seconds", "Since the worker's start.", status.uptime_s);
}

}  // namespace

struct WorkerMetrics::State {
    State(asio::io_context& on, Workers all, metrics::Registry& into)
        : io{on}, workers{std::move(all)}, registry{&into}, timer{on} {}
    asio::io_context& io;
    Workers workers;
    metrics::Registry* registry;  // null: it is over
    asio::steady_timer timer;

    void take(const std::string& name, const std::expected<WorkerStatus, Error>& answer) {
        if (!registry) return;
        registry->gauge("carillon_relay_up", "Whether the worker answers.", {{"worker", name}}).set(answer ? 1 : 0);
        if (answer) write(*registry, name, *answer);
    }
};

WorkerMetrics::WorkerMetrics(asio::io_context& io, Workers workers, metrics::Registry& registry)
    : state_{std::make_shared<State>(io, std::move(workers), registry)} {
    ask_all(state_);
}

WorkerMetrics::~WorkerMetrics() {
    state_->registry = nullptr;
    state_->timer.cancel();
}

void WorkerMetrics::ask_all(const std::shared_ptr<State>& state) {
    for (const auto& address : state->workers.addresses) {
        const auto name = worker_name(address);
        auto client = std::make_shared<Client>(state->io, address, state->workers.tls);
        const auto finish = [state, name, client](std::expected<WorkerStatus, Error> answer) {
            state->take(name, answer);
            asio::post(state->io, [client] { client->close(); });  // not while it is calling
        };
        client->connect([client, finish](std::expected<void, Error> connected) {
            if (!connected) return finish(std::unexpected{connected.error()});
            client->status(finish);
        });
    }
    state->timer.expires_after(kInterval);
    state->timer.async_wait([state](boost::system::error_code stopped) {
        if (!stopped && state->registry) ask_all(state);
    });
}

}  // namespace carillon::relays
