/// What the databases do not share: how a session is made ready, how text compares, and how a failure is told.
/// Internal to signaling/storage. All other SQL is common.
/// Not here: looking words up (archive_words.h).
#pragma once
#include <soci/soci.h>

#include <exception>
#include <string>
#include <string_view>

namespace carillon::storage {

enum class Dialect { sqlite, postgresql };

Dialect dialect_of(soci::session& session);

/// Makes a session ready that was just opened. Throws StorageError when the database cannot serve.
void prepare_session(soci::session& session, Dialect dialect);

/// A statement that makes a table, as the dialect has it: everywhere text compares by its octets, as on SQLite.
std::string schema_sql(std::string_view statement, Dialect dialect);

/// The number of octets in a column of text, as an expression.
std::string octets_sql(std::string_view column, Dialect dialect);

/// Without the values that were bound: SCRAM keys and messages belong in no log or error.
std::string reason_of(const std::exception& error);

/// Whether another process held a lock too long, so that nothing was done and may be done again.
bool is_locked_out(const std::exception& error);

}  // namespace carillon::storage
