#include "signaling/storage/archive_sql.h"

#include <algorithm>
#include <limits>

#include "signaling/storage/archive_queue.h"
#include "signaling/storage/archive_words.h"

namespace carillon::storage {

long long to_microseconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

ArchiveMatching::ArchiveMatching(const ArchiveQuery& query, Dialect dialect)
    : owner{jid_number(query.owner.str())},
      owner_jid{query.owner.str()},
      below_{std::numeric_limits<long long>::max()},
      dialect_{dialect},
      words_{words_expression(query.words, owner, dialect)} {
    if (query.with) {
        const auto bare = query.with->bare();
        with_ = true;
        with_resource_ = query.with->is_full();
        peer_ = jid_number(bare.str());
        peer_jid_ = bare.str();
        resource_ = query.with->resource();
    }
    // Times are told in milliseconds: what is told as the end is within it.
    if (query.start) above_ = std::max(above_, to_microseconds(*query.start) - 1);
    if (query.end) below_ = std::min(below_, to_microseconds(*query.end) / 1000 * 1000 + 1000);
    for (const auto& id : query.after) above_ = std::max<long long>(above_, id.time);
    for (const auto& id : query.before) below_ = std::min<long long>(below_, id.time);
    for (const auto& id : query.ids) ids_ += (ids_.empty() ? " AND id IN (" : ", ") + std::to_string(id.time);
    if (!ids_.empty()) ids_ += ')';
}

std::string ArchiveMatching::where() const {
    // The plus keeps the range from being looked up where ids are given or found: they lead to the rows.
    const std::string plus = ids_.empty() && !words_ ? "" : "+";
    std::string text =
        " WHERE owner = :owner AND owner_jid = :owner_jid AND " + plus + "id > :above AND " + plus + "id < :below";
    if (with_) text += " AND peer = :peer AND peer_jid = :peer_jid";
    if (with_resource_) text += " AND resource = :resource";
    if (words_) text += words_->empty() ? " AND 1 = 0" : words_sql(dialect_);
    return text + ids_;
}

void ArchiveMatching::bind(soci::statement& statement) {
    statement.exchange(soci::use(owner));
    statement.exchange(soci::use(owner_jid));
    statement.exchange(soci::use(above_));
    statement.exchange(soci::use(below_));
    if (with_) {
        statement.exchange(soci::use(peer_));
        statement.exchange(soci::use(peer_jid_));
    }
    if (with_resource_) statement.exchange(soci::use(resource_));
    if (words_ && !words_->empty()) statement.exchange(soci::use(*words_));
}

std::string page_sql(const ArchiveQuery& query, Dialect dialect) {
    return "SELECT id, random, stanza FROM archive" + ArchiveMatching{query, dialect}.where() + " ORDER BY id" +
           (query.newest_first ? " DESC" : "") + " LIMIT " + std::to_string(query.limit + 1);
}

}  // namespace carillon::storage
