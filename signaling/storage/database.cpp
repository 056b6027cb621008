#include "signaling/storage/database.h"

#include <boost/asio/steady_timer.hpp>
#include <future>

#include "config/base/log.h"
#include "signaling/storage/archive_words.h"
#include "signaling/storage/dialect.h"
#include "signaling/storage/migrations.h"
#include "signaling/storage/postgresql.h"

namespace carillon::storage {

Database::Database(const soci::backend_factory& backend, const std::string& parameters, StorageOptions options)
    : max_pending_{options.queue}, readers_{options.connections} {
    try {
        for (std::size_t i = 0; i <= options.connections; ++i) {
            sessions_.push_back(std::make_unique<soci::session>(backend, parameters));
            if (i == 0) dialect_ = dialect_of(*sessions_.front());
            make_ready(i);
        }
        migrate();
        for (const auto statement : words_schema(dialect_)) *sessions_.front() << std::string{statement};
        // The writer touches the same pages of the indices again and again: with room for them it reads none back.
        if (dialect_ == Dialect::sqlite) {
            write_later(
                std::chrono::milliseconds{0}, [](soci::session& session) { session << "PRAGMA cache_size = -32768"; },
                [](bool) {});
        }
    } catch (const soci::soci_error& error) {
        throw StorageError{"cannot open the database: " + reason_of(error)};
    }
}

void Database::make_ready(std::size_t index) {
    prepare_session(*sessions_[index], dialect_);
    if (index == 0 && dialect_ == Dialect::postgresql) lock_postgresql(*sessions_[index]);
}

Database::~Database() {
    writer_.join();
    readers_.join();
}

std::size_t Database::index_of_this_thread() {
    // A pool thread belongs to one Database for its whole life, so the index it draws first stays its own.
    thread_local std::size_t index = next_session_.fetch_add(1);
    return index;
}

/// Whether the session was lost, a server of its own having been restarted say, and stands again.
bool Database::restore(std::size_t index) {
    auto& session = *sessions_[index];
    if (dialect_ != Dialect::postgresql || session.is_connected()) return false;
    try {
        session.reconnect();
        make_ready(index);
        log::info("database connected again");
        return true;
    } catch (const std::exception& error) {
        log::error("database cannot be reached", {{"reason", reason_of(error)}});
        return false;
    }
}

template <class Work>
std::invoke_result_t<Work&, soci::session&> Database::wait_for(Work work) {
    using Result = std::invoke_result_t<Work&, soci::session&>;
    auto task =
        std::make_shared<std::packaged_task<Result()>>([&] { return work(*sessions_[index_of_this_thread()]); });
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
    const auto index = index_of_this_thread();
    for (int count = 1;; ++count) {
        bool committing = false;  // from then on it is not known whether it was done
        try {
            auto& session = *sessions_[index];
            if (!in_transaction) return work(session), std::string{};
            soci::transaction transaction{session};
            work(session);
            committing = true;
            transaction.commit();
            return {};
        } catch (const std::exception& error) {
            // Nothing was done: another process (a backup, say) held the lock past the time-out, or the connection
            // broke.
            if (count < kTries && is_locked_out(error)) continue;
            if (restore(index) && count < kTries && !committing) continue;
            const std::string reason = reason_of(error);
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
        for (const auto statement : migration.statements) session << schema_sql(statement, dialect_);
        session << "INSERT INTO schema_version (number) VALUES (:number)", soci::use(migration.number);
        transaction.commit();
        log::debug("database migrated", {{"schema", migration.number}, {"summary", migration.summary}});
    }
}

}  // namespace carillon::storage
