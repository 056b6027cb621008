/// PostgreSQL: how a session is opened, kept for this process alone, and what its failures mean.
/// Internal to signaling/storage.
#pragma once
#include <soci/soci.h>

#include <exception>
#include <string_view>

namespace carillon::storage {

/// "postgresql://..." or "postgres://...", as libpq understands them.
bool is_postgresql_uri(std::string_view database);

/// Makes sessions whose connect string is libpq's own, a URI or keys and values.
const soci::backend_factory& postgresql_factory();

/// Durable, UTF-8, each transaction sees one state of the database. Throws StorageError for another encoding.
void prepare_postgresql(soci::session& session);

/// Two servers on one schema would not see what the other holds in memory: the lock goes with the session. Waits some
/// seconds for a predecessor to be gone; throws StorageError when it is not.
void lock_postgresql(soci::session& session);

/// Whether the transaction may succeed when it is done again: it met another, or waited too long.
bool is_postgresql_conflict(const std::exception& error);

}  // namespace carillon::storage
