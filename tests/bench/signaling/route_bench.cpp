/// How long a stanza takes through the process, route and session stages of one shard: from the parsed element to the
/// recipient's outlet, without sockets.
#include <benchmark/benchmark.h>

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "signaling/host/host.h"
#include "tests/signaling/scenarios/memory_storage.h"

namespace {

using namespace carillon;

struct CountingOutlet final : session::Outlet {
    void send(const xml::Element&, const xmpp::CustodyPtr&) override { ++count; }
    std::string peer_address() const override { return "127.0.0.1"; }
    bool encrypted() const override { return true; }
    void close(std::string_view, std::string_view) override {}
    std::vector<session::Undelivered> detach() override { return {}; }
    std::size_t count = 0;
};

void route(benchmark::State& state, const std::string& to) {
    scenarios::MemoryStorage storage;
    for (const auto* user : {"romeo@localhost", "juliet@localhost"}) storage.add_user(user, "secret");
    host::HostConfig config;
    config.shards = 1;
    config.domains.push_back({"localhost", {}});
    host::Host host{std::move(config), storage};
    if (!host.start({})) return state.SkipWithError("the host does not start");
    auto& stages = host.stages(0);
    auto* virtual_host = host.environment().host(0, "localhost");
    CountingOutlet romeo_outlet;
    CountingOutlet juliet_outlet;
    const auto bind = [&](const char* bare, const char* resource, session::Outlet& outlet) {
        return boost::asio::co_spawn(
                   stages.shard.io(),
                   stages.sessions.bind(*virtual_host, xmpp::Jid::parse(bare).value(), resource, outlet),
                   boost::asio::use_future)
            .get()
            .value();
    };
    auto* romeo = bind("romeo@localhost", "orchard", romeo_outlet);
    auto* juliet = bind("juliet@localhost", "balcony", juliet_outlet);

    xml::Element message{"message", "jabber:client"};
    message.set("to", to).set("id", "ktx72v49").set("type", "chat");
    message.add("body").add_text("Art thou not Romeo, and a Montague?");
    constexpr std::size_t kBatch = 1000;
    for (auto _ : state) {
        std::promise<double> took;
        stages.shard.post([&] {
            if (!juliet->available()) {
                (void)stages.process.from_session(*juliet, xml::Element{"presence", "jabber:client"}, [] {});
            }
            std::vector<xml::Element> batch(kBatch, message);
            const auto begin = std::chrono::steady_clock::now();
            for (auto& element : batch) (void)stages.process.from_session(*romeo, std::move(element), [] {});
            took.set_value(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        });
        state.SetIterationTime(took.get_future().get());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch));
    if (juliet_outlet.count < state.iterations() * kBatch) state.SkipWithError("stanzas are missing");
    host.stop();
}

BENCHMARK_CAPTURE(route, message_to_full_jid, "juliet@localhost/balcony")->UseManualTime();
BENCHMARK_CAPTURE(route, message_to_bare_jid, "juliet@localhost")->UseManualTime();

}  // namespace
