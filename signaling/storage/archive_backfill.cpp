#include "signaling/storage/archive_backfill.h"

#include "config/base/log.h"
#include "signaling/storage/archive_words.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xmpp/conversation.h"

namespace carillon::storage {
namespace {

struct Row {
    long long owner = 0;
    long long id = 0;
    std::string stanza;
};

/// The rows after that one, in the order of the index.
std::vector<Row> rows_after(soci::session& sql, const Row& last, int limit) {
    std::vector<Row> found;
    Row row;
    soci::statement select =
        (sql.prepare << "SELECT owner, id, stanza FROM archive WHERE (owner, id) > (:owner, :id) "
                        "ORDER BY owner, id LIMIT "
                     << limit,
         soci::use(last.owner), soci::use(last.id), soci::into(row.owner), soci::into(row.id), soci::into(row.stanza));
    select.execute();
    while (select.fetch()) found.push_back(row);
    return found;
}

}  // namespace

void ArchiveBackfill::start() {
    if (database_.number("SELECT COUNT(*) FROM archive_backfill") > 0) next(kPause);
}

void ArchiveBackfill::next(std::chrono::milliseconds delay) {
    database_.write_later(
        delay,
        [self = shared_from_this()](soci::session& sql) {
            if (!self->closed_) self->step(sql);
        },
        [self = shared_from_this()](bool committed) {
            if (!self->closed_ && !(committed && self->done_)) self->next(committed ? kPause : kRetry);
        });
}

void ArchiveBackfill::step(soci::session& sql) {
    Row last;
    sql << "SELECT owner, id FROM archive_backfill", soci::into(last.owner), soci::into(last.id);
    const auto rows = rows_after(sql, last, kRows);
    WordsWriter words{sql};
    for (const auto& row : rows) {
        const auto stanza = xml::parse_document(row.stanza);
        if (stanza) words.write(row.owner, row.id, xmpp::searchable_text(*stanza));
    }
    done_ = rows.size() < kRows;
    if (done_) {
        sql << "DELETE FROM archive_backfill";
        return log::info("the words of the whole archive are found now");
    }
    sql << "UPDATE archive_backfill SET owner = :owner, id = :id", soci::use(rows.back().owner),
        soci::use(rows.back().id);
}

}  // namespace carillon::storage
