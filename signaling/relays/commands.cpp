#include "signaling/relays/commands.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <memory>
#include <optional>

#include "relay/api/client.h"

namespace carillon::relays {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using admin::Reply;
using asio::awaitable;
using relay::api::Client;
using relay::api::WorkerStatus;

/// Asks one worker: connects, has drain set when that is wanted, and reads its state; nullopt when it does not answer.
awaitable<std::optional<WorkerStatus>> ask(asio::io_context& io, const std::string& socket,
                                           const relay::api::TlsFiles& tls, std::optional<bool> drain) {
    // Everything is a variable: g++ 12 destroys temporaries of a co_await expression twice.
    auto client = std::make_shared<Client>(io, socket, tls);
    auto initiate = [client, drain](auto handler) {
        auto done = std::make_shared<decltype(handler)>(std::move(handler));
        const auto finish = [client, done](std::optional<WorkerStatus> status) {
            std::move (*done)(std::move(status));
        };
        const auto status = [client, finish] {
            client->status([finish](std::expected<WorkerStatus, relay::api::Error> answer) {
                finish(answer ? std::optional{std::move(*answer)} : std::nullopt);
            });
        };
        client->connect([client, drain, finish, status](std::expected<void, relay::api::Error> connected) {
            if (!connected) return finish(std::nullopt);
            if (!drain) return status();
            client->drain(*drain, [finish, status](std::expected<bool, relay::api::Error> answer) {
                if (!answer) return finish(std::nullopt);
                status();
            });
        });
    };
    auto waiting = asio::async_initiate<const asio::use_awaitable_t<>&, void(std::optional<WorkerStatus>)>(
        std::move(initiate), asio::use_awaitable);
    auto status = co_await std::move(waiting);
    client->close();
    co_return status;
}

json::object to_json(const std::string& name, const std::optional<WorkerStatus>& status) {
    json::object out{{"name", name}, {"state", !status ? "down" : status->draining ? "draining" : "up"}};
    if (!status) return out;
    out["sessions"] = status->sessions;
    out["streams"] = status->streams;
    out["ports_free"] = status->ports_free;
    out["packets"] = status->packets;
    out["packets_per_second"] = status->packets_per_second;
    out["cpu_percent"] = std::round(1000 * status->cpu_load) / 10;
    out["kernel_flows"] = status->kernel_flows;
    out["ice_tcp_connections"] = status->ice_tcp_connections;
    out["kernel_drops"] = status->kernel_drops;
    out["latency_p50_us"] = std::round(status->latency_p50_us);
    out["latency_p99_us"] = std::round(status->latency_p99_us);
    out["seconds_up"] = status->uptime_s;
    out["turn_allocations"] = status->turn_allocations;
    out["turn_connections"] = status->turn_connections;
    out["turn_packets"] = status->turn_packets;
    out["turn_dropped"] = status->turn_dropped;
    json::object drops;
    for (const auto& [why, count] : status->drops)
        if (count > 0) drops[why] = count;
    out["drops"] = std::move(drops);
    return out;
}

awaitable<Reply> list(asio::io_context& io, std::shared_ptr<const Workers> workers) {
    json::array out;
    for (const auto& socket : workers->addresses) {
        const auto status = co_await ask(io, socket, workers->tls, std::nullopt);
        out.push_back(to_json(worker_name(socket), status));
    }
    co_return Reply{std::move(out)};
}

awaitable<Reply> set_drain(asio::io_context& io, std::shared_ptr<const Workers> workers, const json::object& arguments,
                           bool on) {
    const auto name = admin::text_argument(arguments, "name");
    if (!name) co_return std::unexpected{name.error()};
    for (const auto& socket : workers->addresses) {
        if (worker_name(socket) != *name) continue;
        const auto status = co_await ask(io, socket, workers->tls, on);
        if (!status) co_return admin::refuse("unavailable", *name + " does not answer; relay list shows the workers.");
        json::object out{{"name", *name}};
        if (on) out["sessions"] = status->sessions;
        if (on) out["turn_allocations"] = status->turn_allocations;
        co_return Reply{std::move(out)};
    }
    co_return admin::refuse("not_found", "There is no worker " + *name + "; relay list shows them.");
}

}  // namespace

void add_relay_commands(admin::Registry& registry, asio::io_context& io, Workers workers) {
    const auto shared = std::make_shared<const Workers>(std::move(workers));
    registry.add("relay.list", "List workers and their load",
                 [&io, shared](const json::object&) { return list(io, shared); });
    registry.add("relay.drain", "Give a worker no new sessions",
                 [&io, shared](const json::object& arguments) { return set_drain(io, shared, arguments, true); });
    registry.add("relay.resume", "Give a drained worker sessions again",
                 [&io, shared](const json::object& arguments) { return set_drain(io, shared, arguments, false); });
}

}  // namespace carillon::relays
