/// A database of its own for each test: an SQLite file, or a schema of the PostgreSQL server that the environment
/// names. CARILLON_TEST_POSTGRESQL: a URI with a query, such as "postgresql:///postgres?host=/run/postgresql"
/// (postgresql.py).
#pragma once
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "signaling/storage/dialect.h"
#include "signaling/storage/postgresql.h"
#include "signaling/storage/sql_storage.h"

namespace carillon::storage {

inline xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }

/// A place for a database that goes away with all that is in it.
class TestDatabase {
  public:
    TestDatabase() {
        if (const char* server = std::getenv("CARILLON_TEST_POSTGRESQL")) {
            static int count = 0;
            server_ = server;
            schema_ = "test_" + std::to_string(::getpid()) + '_' + std::to_string(++count);
            soci::session{postgresql_factory(), server_} << "CREATE SCHEMA " + schema_;
            name_ = server_ + "&application_name=" + schema_ + "&options=-csearch_path%3D" + schema_;
            return;
        }
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-storage-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        name_ = (folder_ / "test.db").string();
    }
    ~TestDatabase() {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
        if (schema_.empty()) return;
        try {
            soci::session sql{postgresql_factory(), server_};
            sql << "SET client_min_messages TO warning";
            sql << "DROP SCHEMA " + schema_ + " CASCADE";
        } catch (const std::exception&) {  // it goes with the server
        }
    }
    TestDatabase(const TestDatabase&) = delete;

    Dialect dialect() const { return schema_.empty() ? Dialect::sqlite : Dialect::postgresql; }
    const std::string& name() const { return name_; }
    const std::string& schema() const { return schema_; }
    std::unique_ptr<Storage> open() const { return open_database(name_); }
    /// A session beside those of the storage.
    std::unique_ptr<soci::session> session() const {
        if (dialect() == Dialect::postgresql) return std::make_unique<soci::session>(postgresql_factory(), name_);
        return std::make_unique<soci::session>(*soci::factory_sqlite3(), "dbname=" + name_);
    }
    std::int64_t rows(const std::string& table) const {
        long long count = 0;
        *session() << "SELECT COUNT(*) FROM " + table, soci::into(count);
        return count;
    }

  private:
    std::string server_, schema_, name_;
    std::filesystem::path folder_;
};

class StorageFixture : public testing::Test {
  protected:
    StorageFixture() { reopen(); }
    ~StorageFixture() override { storage_.reset(); }
    void reopen() {
        storage_.reset();
        storage_ = database_.open();
    }
    bool on_sqlite() const { return database_.dialect() == Dialect::sqlite; }
    /// Runs a coroutine to its end and gives its value.
    template <class T>
    T run(boost::asio::awaitable<T> work) {
        boost::asio::io_context io;
        std::optional<T> result;
        std::exception_ptr failure;
        boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown, T value) {
            failure = thrown;
            if (!thrown) result.emplace(std::move(value));
        });
        io.run();
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }
    void run(boost::asio::awaitable<void> work) {
        boost::asio::io_context io;
        std::exception_ptr failure;
        boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown) { failure = thrown; });
        io.run();
        if (failure) std::rethrow_exception(failure);
    }

    TestDatabase database_;
    std::unique_ptr<Storage> storage_;
};

}  // namespace carillon::storage
