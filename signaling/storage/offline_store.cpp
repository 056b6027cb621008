#include "signaling/storage/stores.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::storage {

awaitable<bool> SqlOfflineStore::push(xmpp::Jid user, xml::Element stanza, WallTime at, std::size_t limit) {
    return database_.write(
        [jid = user.str(), text = xml::to_document(stanza), stored = to_milliseconds(at), limit](soci::session& sql) {
            long long count = 0;
            long long last = 0;
            sql << "SELECT COUNT(*), COALESCE(MAX(id), 0) FROM offline_messages WHERE jid = :jid", soci::use(jid),
                soci::into(count), soci::into(last);
            if (static_cast<std::size_t>(count) >= limit) return false;
            // Ids follow the clock, so that they do not start again once the store was emptied.
            const long long id = std::max<long long>(last + 1, stored * 1000);
            sql << "INSERT INTO offline_messages (jid, id, stored, stanza) VALUES (:jid, :id, :stored, :stanza)",
                soci::use(jid), soci::use(id), soci::use(stored), soci::use(text);
            return true;
        });
}

awaitable<std::vector<OfflineMessage>> SqlOfflineStore::load(xmpp::Jid user) {
    return database_.read([jid = user.str()](soci::session& sql) {
        std::vector<OfflineMessage> messages;
        long long id = 0;
        long long stored = 0;
        std::string text;
        soci::statement select =
            (sql.prepare << "SELECT id, stored, stanza FROM offline_messages WHERE jid = :jid ORDER BY id",
             soci::use(jid), soci::into(id), soci::into(stored), soci::into(text));
        select.execute();
        while (select.fetch()) {
            if (auto stanza = xml::parse_document(text)) {
                messages.push_back({.id = id, .stored = from_milliseconds(stored), .stanza = std::move(*stanza)});
            }
        }
        return messages;
    });
}

awaitable<void> SqlOfflineStore::erase_up_to(xmpp::Jid user, std::int64_t id) {
    return database_.write([jid = user.str(), last = static_cast<long long>(id)](soci::session& sql) {
        sql << "DELETE FROM offline_messages WHERE jid = :jid AND id <= :id", soci::use(jid), soci::use(last);
    });
}

}  // namespace carillon::storage
