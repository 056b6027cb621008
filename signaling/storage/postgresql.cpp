#include "signaling/storage/postgresql.h"

#include <soci/postgresql/soci-postgresql.h>

#include <chrono>
#include <thread>

#include "signaling/storage/storage.h"

namespace carillon::storage {
namespace {

using namespace std::chrono_literals;

/// SOCI's own takes the connect string to pieces at '=', of which a URI has some.
class UriFactory final : public soci::backend_factory {
  public:
    soci::details::session_backend* make_session(const soci::connection_parameters& parameters) const override {
        return new soci::postgresql_session_backend(parameters, false);
    }
};

bool try_lock(soci::session& session) {
    int locked = 0;  // 1667330156: "carl", as those do who share a cluster with others
    session << "SELECT CASE WHEN pg_try_advisory_lock(1667330156, hashtext(current_schema())) THEN 1 ELSE 0 END",
        soci::into(locked);
    return locked != 0;
}

}  // namespace

bool is_postgresql_uri(std::string_view database) {
    return database.starts_with("postgresql://") || database.starts_with("postgres://");
}

const soci::backend_factory& postgresql_factory() {
    static const UriFactory factory;
    return factory;
}

void prepare_postgresql(soci::session& session) {
    std::string encoding;
    session << "SHOW server_encoding", soci::into(encoding);
    if (encoding != "UTF8")
        throw StorageError{"the database has the encoding " + encoding + ": make one with ENCODING 'UTF8'"};
    session << "SET client_encoding TO 'UTF8'";
    session << "SET client_min_messages TO warning";
    session << "SET standard_conforming_strings TO on";
    // As on SQLite: what is read within a transaction is of one moment.
    session << "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    // A lock of somebody's maintenance ends a job with an error rather than all jobs behind it.
    session << "SET lock_timeout TO '10s'";
}

void lock_postgresql(soci::session& session) {
    for (int tries = 0; !try_lock(session); ++tries) {
        if (tries == 50) throw StorageError{"another Carillon uses this database: give each server one of its own"};
        std::this_thread::sleep_for(100ms);
    }
}

bool is_postgresql_conflict(const std::exception& error) {
    const auto* failure = dynamic_cast<const soci::postgresql_soci_error*>(&error);
    if (!failure) return false;
    const auto state = failure->sqlstate();
    return state == "40001" || state == "40P01" || state == "55P03";  // serialization, deadlock, lock not available
}

}  // namespace carillon::storage
