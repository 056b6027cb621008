#include "signaling/storage/database.h"

#include <boost/asio/steady_timer.hpp>
#include <future>

#include "config/base/log.h"
#include "signaling/storage/archive_words.h"
#include "signaling/storage/migrations.h"

namespace carillon::storage {
namespace {

void prepare_sqlite(soci::session& session) {
    // WAL lets readers and one writer work side by side. FULL: what was accepted survives a power cut, not only a crash
    // of the process; the price is one flush a transaction, paid on the pool and never on an io thread.
    session << "PRAGMA journal_mode = WAL";
    session << "PRAGMA synchronous = FULL";
    session << "PRAGMA foreign_keys = ON";
    session << "PRAGMA busy_timeout = 5000";
}

/// SOCI's what() repeats the values that were bound: SCRAM keys and messages, which belong in no log or error.
std::string reason_of(const std::exception& error) {
    const auto* database = dynamic_cast<const soci::soci_error*>(&error);
    return database ? database->get_error_message() : error.what();
}

}  // namespace

Database::Database(const std::string& backend, const std::string& parameters, std::size_t connections)
    : readers_{connections} {
    try {
        for (std::size_t i = 0; i <= connections; ++i) {
            sessions_.push_back(std::make_unique<soci::session>(backend, parameters));
            if (backend == "sqlite3") prepare_sqlite(*sessions_.back());
        }
        migrate();
        if (backend == "sqlite3") {
            for (const auto statement : sqlite_words()) *sessions_.front() << std::string{statement};
        }
        // The writer touches the same pages of the indices again and again: with room for them it reads none back.
        if (backend == "sqlite3") {
            write_later(
                std::chrono::milliseconds{0}, [](soci::session& session) { session << "PRAGMA cache_size = -32768"; },
                [](bool) {});
        }
    } catch (const soci::soci_error& error) {
        throw StorageError{std::string{"cannot open the database: "} + error.what()};
    }
}

Database::~Database() {
    writer_.join();
    readers_.join();
}

soci::session& Database::session_of_this_thread() {
    // A pool thread belongs to one Database for its whole life, so the index it draws first stays its own.
    thread_local std::size_t index = next_session_.fetch_add(1);
    return *sessions_[index];
}

template <class Work>
std::invoke_result_t<Work&, soci::session&> Database::wait_for(Work work) {
    using Result = std::invoke_result_t<Work&, soci::session&>;
    auto task = std::make_shared<std::packaged_task<Result()>>([&] { return work(session_of_this_thread()); });
    auto result = task->get_future();
    boost::asio::post(writer_, [task] { (*task)(); });
    try {
        return result.get();
    } catch (const std::exception& error) {
        throw StorageError{"cannot read the database: " + reason_of(error)};
    }
}

std::int64_t Database::number(const std::string& query) {
    return wait_for([&](soci::session& session) {
        long long value = 0;
        session << query, soci::into(value);
        return std::int64_t{value};
    });
}

std::vector<std::string> Database::texts(const std::string& query) {
    return wait_for([&](soci::session& session) {
        soci::rowset<std::string> rows = (session.prepare << query);
        return std::vector<std::string>(rows.begin(), rows.end());
    });
}

void Database::write_later(std::chrono::milliseconds delay, std::function<void(soci::session&)> work,
                           std::function<void(bool committed)> done) {
    auto run = [this, work = std::move(work), done = std::move(done)] { done(attempt(true, work).empty()); };
    if (delay.count() <= 0) return boost::asio::post(writer_, std::move(run));
    auto timer = std::make_shared<boost::asio::steady_timer>(writer_, delay);
    timer->async_wait([timer, run = std::move(run)](auto) { run(); });
}

std::string Database::attempt(bool in_transaction, const std::function<void(soci::session&)>& work) {
    constexpr int kTries = 5;
    for (int count = 1;; ++count) {
        try {
            auto& session = session_of_this_thread();
            if (!in_transaction) return work(session), std::string{};
            soci::transaction transaction{session};
            work(session);
            transaction.commit();
            return {};
        } catch (const std::exception& error) {
            // Another process (a backup, say) held the lock past the busy time-out: nothing was done, so do it again.
            const std::string reason = reason_of(error);
            if (count < kTries && reason.contains("locked")) continue;
            log::error("database failed", {{"reason", reason}});
            return reason.empty() ? "unknown database failure" : reason;
        }
    }
}

void Database::migrate() {
    auto& session = *sessions_.front();
    session << "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER NOT NULL)";
    int current = 0;
    soci::indicator found = soci::i_null;
    session << "SELECT MAX(number) FROM schema_version", soci::into(current, found);
    if (found == soci::i_null) current = 0;
    const int known = migrations().back().number;
    if (current > known) {
        throw StorageError{"the database has schema " + std::to_string(current) + ", this program knows " +
                           std::to_string(known) + ": start the newer Carillon that made it, or restore a backup"};
    }
    for (const auto& migration : migrations()) {
        if (migration.number <= current) continue;
        soci::transaction transaction{session};
        for (const auto statement : migration.statements) session << std::string{statement};
        session << "INSERT INTO schema_version (number) VALUES (:number)", soci::use(migration.number);
        transaction.commit();
        log::debug("database migrated", {{"schema", migration.number}, {"summary", migration.summary}});
    }
}

}  // namespace carillon::storage
