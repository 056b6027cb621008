/// What the archive costs for one message between two users of the server: two entries of 400 octets each, gathered,
/// committed and flushed to disk. And what a page of it costs when a million messages are there, with the plan that the
/// database has for it. Processor time of all threads, the database's included.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>

#include "signaling/storage/archive_sql.h"
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

constexpr int kMessages = 1'000'000;

/// An archive of a million messages, each kept for both ends: 2,000 entries a user. Filled once, for all queries.
class Million {
  public:
    static Million& of_process() {
        static Million filled;
        return filled;
    }
    ~Million() {
        storage_.reset();
        std::filesystem::remove_all(folder_);
    }
    /// Somebody whom `owner` has written with.
    static std::string peer(int owner) {
        int number = 0;
        while (number * 7 % kUsers != owner) ++number;
        return user(number * 13 + 1);
    }
    storage::ArchivePage ask(storage::ArchiveQuery query) {
        storage::ArchivePage page;
        auto work = [&]() -> boost::asio::awaitable<void> {
            page = co_await storage_->archive().query(std::move(query));
        };
        io_.restart();
        boost::asio::co_spawn(io_, work(), boost::asio::detached);
        io_.run();
        return page;
    }
    std::string plan(const storage::ArchiveQuery& query) {
        soci::session sql{"sqlite3", "dbname=" + (folder_ / "bench.db").string()};
        soci::row row;
        storage::ArchiveMatching matching{query, storage::Dialect::sqlite};
        soci::statement statement{sql};
        matching.bind(statement);
        statement.exchange(soci::into(row));
        statement.alloc();
        statement.prepare("EXPLAIN QUERY PLAN " + storage::page_sql(query, storage::Dialect::sqlite));
        statement.define_and_bind();
        statement.execute();
        std::string text;
        while (statement.fetch()) (text += text.empty() ? "" : "; ") += row.get<std::string>(row.size() - 1);
        return text;
    }

  private:
    Million() {
        std::filesystem::create_directories(folder_);
        storage_ = storage::open_sqlite(folder_ / "bench.db");
        for (int i = 0; i < kUsers; ++i)
            boost::asio::co_spawn(io_, storage_->users().create(xmpp::Jid::parse(user(i)).value(), {}),
                                  boost::asio::detached);
        io_.run();
        auto& store = storage_->archive();
        const std::string filling(300, 'x');
        for (int number = 0; number < kMessages; ++number) {
            const auto a = user(number * 7);
            const auto b = user(number * 13 + 1);
            const auto text =
                "message " + std::to_string(number % 5000) + " about subject" + std::to_string(number % 97);
            for (const auto& [owner, peer] : {std::pair{a, b}, std::pair{b, a}}) {
                storage::ArchiveEntry entry{store.make_id(SystemClock::instance().wall()),
                                            owner,
                                            peer,
                                            "desk",
                                            "<message><body>" + text + "</body>" + filling + "</message>",
                                            nullptr,
                                            text};
                while (!store.append(entry)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }
        storage::ArchiveQuery query;
        query.owner = xmpp::Jid::parse(user(1)).value();
        ask(std::move(query));
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("archive-million-" + std::to_string(::getpid()));
    boost::asio::io_context io_;
    std::unique_ptr<storage::Storage> storage_;
};

/// What a client asks of an archive.
enum Question { last_page, next_page, with_somebody, words };

void query(benchmark::State& state, Question question) {
    auto& million = Million::of_process();
    int number = 0;
    std::size_t rows = 0;
    storage::ArchiveQuery query;
    std::vector<storage::ArchiveId> middles;  // of each user's archive
    for (int owner = 0; question == next_page && owner < kUsers; ++owner) {
        storage::ArchiveQuery half;
        half.owner = xmpp::Jid::parse(user(owner)).value();
        half.limit = 1000;
        middles.push_back(million.ask(std::move(half)).messages.back().id);
    }
    const auto peer_of = [](int owner) { return xmpp::Jid::parse(Million::peer(owner)).value(); };
    const auto before = processor_seconds();
    for (auto _ : state) {
        const auto owner = number++ * 31 % kUsers;
        query = {};
        query.owner = xmpp::Jid::parse(user(owner)).value();
        query.limit = 50;
        query.newest_first = question != next_page;
        if (question == next_page) query.after = {middles.at(static_cast<std::size_t>(owner))};
        if (question == with_somebody) query.with = peer_of(owner);
        if (question == words) query.words = "subject" + std::to_string(number % 97);
        rows += million.ask(query).messages.size();
    }
    const auto times = static_cast<double>(state.iterations());
    state.counters["cpu_us"] = (processor_seconds() - before) * 1e6 / times;
    state.counters["rows"] = static_cast<double>(rows) / times;
    state.SetLabel(million.plan(query));
}

BENCHMARK_CAPTURE(query, last_page, last_page)->Iterations(3000)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(query, next_page, next_page)->Iterations(3000)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(query, with_somebody, with_somebody)->Iterations(3000)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(query, words, words)->Iterations(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(archive)->Arg(0)->Iterations(200'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(archive)->Arg(500)->Iterations(2'000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
