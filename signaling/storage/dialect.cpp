#include "signaling/storage/dialect.h"

#include "signaling/storage/postgresql.h"

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

bool is_text(std::string_view type) { return type.starts_with("VARCHAR(") || type.starts_with("TEXT"); }

/// Up to the blank or the bracket that ends it.
std::size_t type_length(std::string_view type) {
    return type.starts_with("VARCHAR(") ? type.find(')') + 1 : std::string_view{"TEXT"}.size();
}

}  // namespace

Dialect dialect_of(soci::session& session) {
    return session.get_backend_name() == "postgresql" ? Dialect::postgresql : Dialect::sqlite;
}

void prepare_session(soci::session& session, Dialect dialect) {
    dialect == Dialect::sqlite ? prepare_sqlite(session) : prepare_postgresql(session);
}

std::string schema_sql(std::string_view statement, Dialect dialect) {
    std::string out;
    if (dialect == Dialect::sqlite || !statement.starts_with("CREATE TABLE")) return out.assign(statement);
    while (!statement.empty()) {
        const bool begins = out.ends_with(' ') && is_text(statement);
        const auto length = begins ? type_length(statement) : 1;
        out += statement.substr(0, length);
        statement.remove_prefix(length);
        if (begins) out += " COLLATE \"C\"";
    }
    return out;
}

std::string octets_sql(std::string_view column, Dialect dialect) {
    const std::string name{column};
    return dialect == Dialect::sqlite ? "LENGTH(CAST(" + name + " AS BLOB))" : "OCTET_LENGTH(" + name + ')';
}

std::string reason_of(const std::exception& error) {
    // SOCI's what() repeats the values that were bound; PostgreSQL does from the second line on.
    const auto* database = dynamic_cast<const soci::soci_error*>(&error);
    const std::string reason = database ? database->get_error_message() : error.what();
    return reason.substr(0, reason.find('\n'));
}

bool is_locked_out(const std::exception& error) {
    return reason_of(error).contains("locked") || is_postgresql_conflict(error);
}

}  // namespace carillon::storage
