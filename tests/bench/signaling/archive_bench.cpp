/// What the archive costs for one message between two users of the server: two entries of 400 octets each, gathered,
/// committed and flushed to disk. Processor time of all threads, the database's included.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>

#include "signaling/storage/archive_store.h"
#include "signaling/storage/sql_storage.h"

namespace {

using namespace carillon;

double processor_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

constexpr int kUsers = 1000;

std::string user(int number) { return "user" + std::to_string(number % kUsers) + "@example.org"; }

/// `rate` messages a second; 0: as many as the disk takes.
void archive(benchmark::State& state) {
    const auto folder = std::filesystem::temp_directory_path() / ("archive-bench-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const auto rate = state.range(0);
    {
        auto storage = storage::open_sqlite(folder / "bench.db");
        boost::asio::io_context io;
        for (int i = 0; i < kUsers; ++i)
            boost::asio::co_spawn(io, storage->users().create(xmpp::Jid::parse(user(i)).value(), {}),
                                  boost::asio::detached);
        io.run();
        auto& store = storage->archive();
        const std::string stanza(400, 'x');
        int number = 0;
        const auto before = processor_seconds();
        const auto start = std::chrono::steady_clock::now();
        std::int64_t messages = 0;
        for (auto _ : state) {
            const auto a = user(number * 7);
            const auto b = user(number * 13 + 1);
            ++number;
            for (const auto& [owner, peer] : {std::pair{a, b}, std::pair{b, a}}) {
                for (;;) {
                    const auto id = store.make_id(SystemClock::instance().wall());
                    if (store.append({id, owner, peer, "desk", stanza, nullptr})) break;
                    std::this_thread::sleep_for(std::chrono::milliseconds{1});
                }
            }
            ++messages;
            if (rate > 0)
                std::this_thread::sleep_until(start + std::chrono::nanoseconds{1'000'000'000 / rate * messages});
        }
        auto count = [&store]() -> boost::asio::awaitable<void> {
            storage::ArchiveQuery query;
            query.owner = xmpp::Jid::parse(user(1)).value();
            co_await store.query(std::move(query));  // all is on disk then
        };
        io.restart();
        boost::asio::co_spawn(io, count(), boost::asio::detached);
        io.run();
        state.counters["cpu_us_per_message"] = (processor_seconds() - before) * 1e6 / static_cast<double>(messages);
    }
    std::filesystem::remove_all(folder);
}

BENCHMARK(archive)->Arg(0)->Iterations(200'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(archive)->Arg(500)->Iterations(2'000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
