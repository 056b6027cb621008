#include "signaling/storage/token_store.h"

#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

/// The client that was given a token longest ago goes, until `limit` are left.
void keep_clients(soci::session& sql, const std::string& jid, std::size_t limit) {
    for (;;) {
        int clients = 0;
        sql << "SELECT COUNT(DISTINCT client) FROM fast_tokens WHERE jid = :jid", soci::use(jid), soci::into(clients);
        if (static_cast<std::size_t>(clients) <= limit) return;
        std::string oldest;
        sql << "SELECT client FROM fast_tokens WHERE jid = :jid GROUP BY client ORDER BY MAX(issued), client LIMIT 1",
            soci::use(jid), soci::into(oldest);
        sql << "DELETE FROM fast_tokens WHERE jid = :jid AND client = :client", soci::use(jid), soci::use(oldest);
    }
}

}  // namespace

awaitable<std::vector<StoredToken>> SqlTokenStore::load(xmpp::Jid user, std::string client) {
    return database_.read([jid = user.str(), client = std::move(client)](soci::session& sql) {
        std::vector<StoredToken> found;
        std::string mechanism, salt;
        long long issued = 0;
        long long expires = 0;
        int fresh = 0;
        soci::statement select =
            (sql.prepare << "SELECT mechanism, salt, issued, expires, fresh FROM fast_tokens WHERE "
                            "jid = :jid AND client = :client ORDER BY fresh DESC",
             soci::use(jid), soci::use(client), soci::into(mechanism), soci::into(salt), soci::into(issued),
             soci::into(expires), soci::into(fresh));
        select.execute();
        while (select.fetch())
            found.push_back({mechanism, salt, from_milliseconds(issued), from_milliseconds(expires), fresh != 0});
        return found;
    });
}

awaitable<void> SqlTokenStore::put(xmpp::Jid user, std::string client, StoredToken token, std::size_t limit) {
    return database_.write(
        [jid = user.str(), client = std::move(client), token = std::move(token), limit](soci::session& sql) {
            int exists = 0;
            sql << "SELECT COUNT(*) FROM users WHERE jid = :jid", soci::use(jid), soci::into(exists);
            if (exists == 0) return;
            const auto issued = to_milliseconds(token.issued);
            const auto expires = to_milliseconds(token.expires);
            sql << "DELETE FROM fast_tokens WHERE jid = :jid AND expires <= :now", soci::use(jid), soci::use(issued);
            sql << "INSERT INTO fast_tokens (jid, client, fresh, mechanism, salt, issued, expires) VALUES (:jid, "
                   ":client, 1, :mechanism, :salt, :issued, :expires) ON CONFLICT (jid, client, fresh) DO UPDATE SET "
                   "mechanism = excluded.mechanism, salt = excluded.salt, issued = excluded.issued, expires = "
                   "excluded.expires",
                soci::use(jid), soci::use(client), soci::use(token.mechanism), soci::use(token.salt), soci::use(issued),
                soci::use(expires);
            keep_clients(sql, jid, limit);
        });
}

awaitable<void> SqlTokenStore::promote(xmpp::Jid user, std::string client) {
    return database_.write([jid = user.str(), client = std::move(client)](soci::session& sql) {
        int fresh = 0;
        sql << "SELECT COUNT(*) FROM fast_tokens WHERE jid = :jid AND client = :client AND fresh = 1", soci::use(jid),
            soci::use(client), soci::into(fresh);
        if (fresh == 0) return;
        sql << "DELETE FROM fast_tokens WHERE jid = :jid AND client = :client AND fresh = 0", soci::use(jid),
            soci::use(client);
        sql << "UPDATE fast_tokens SET fresh = 0 WHERE jid = :jid AND client = :client", soci::use(jid),
            soci::use(client);
    });
}

awaitable<void> SqlTokenStore::erase(xmpp::Jid user, std::string client) {
    return database_.write([jid = user.str(), client = std::move(client)](soci::session& sql) {
        sql << "DELETE FROM fast_tokens WHERE jid = :jid AND (client = :client OR :all = '')", soci::use(jid, "jid"),
            soci::use(client, "client"), soci::use(client, "all");
    });
}

}  // namespace carillon::storage
