/// The SQL that reads the archive: which rows match a query, in which order.
/// Internal to signaling/storage; apart so that a test can ask the database for its plan.
#pragma once
#include <string>

#include "signaling/storage/archive_store.h"
#include "signaling/storage/database.h"
#include "signaling/storage/dialect.h"

namespace carillon::storage {

/// A range of ids and what else must hold. Bound variables point into it: it outlives the statement.
class ArchiveMatching {
  public:
    ArchiveMatching(const ArchiveQuery& query, Dialect dialect);
    std::string where() const;
    void bind(soci::statement& statement);

    const long long owner;
    const std::string owner_jid;

  private:
    long long above_ = -1;  // exclusive, both
    long long below_;
    bool with_ = false;
    bool with_resource_ = false;
    long long peer_ = 0;
    std::string peer_jid_;
    std::string resource_;
    std::string ids_;
    Dialect dialect_;
    std::optional<std::string> words_;
};

/// Columns id, random, stanza, one row more than the limit; bound by ArchiveMatching::bind().
std::string page_sql(const ArchiveQuery& query, Dialect dialect);

long long to_microseconds(WallTime time);

}  // namespace carillon::storage
