#include "signaling/storage/directory_store.h"

#include <array>

#include "signaling/storage/service_stores.h"
#include "signaling/xmpp/folded.h"

namespace carillon::storage {
namespace {

using xmpp::folded;

/// What LIKE takes for a part of a text, whatever stands in it. Escaped by '!'.
std::string pattern(const std::string& part) {
    std::string out = "%";
    for (const char c : folded(part)) {
        if (c == '%' || c == '_' || c == '!') out += '!';
        out += c;
    }
    return out + '%';
}

}  // namespace

awaitable<bool> SqlDirectoryStore::put(DirectoryEntry entry) {
    return database_.write([entry = std::move(entry)](soci::session& sql) {
        const auto jid = entry.user.str();
        const std::string domain{entry.user.domain()};
        int known = 0;
        sql << "SELECT COUNT(*) FROM users WHERE jid = :jid", soci::use(jid), soci::into(known);
        if (known == 0) return false;
        // For looking up: all in one, and each by itself.
        const std::array<std::string, 5> keys{folded(std::string{entry.user.node()}), folded(entry.first),
                                              folded(entry.last), folded(entry.nick), folded(entry.email)};
        auto all = folded(entry.name);
        for (const auto& key : keys) all += '\n' + key;
        sql << "DELETE FROM directory WHERE jid = :jid", soci::use(jid);
        sql << "INSERT INTO directory (jid, domain, first, last, nick, name, email, key_user, key_first, key_last, "
               "key_nick, key_email, key_all) VALUES (:jid, :domain, :first, :last, :nick, :name, :email, :key_user, "
               ":key_first, :key_last, :key_nick, :key_email, :key_all)",
            soci::use(jid), soci::use(domain), soci::use(entry.first), soci::use(entry.last), soci::use(entry.nick),
            soci::use(entry.name), soci::use(entry.email), soci::use(keys[0]), soci::use(keys[1]), soci::use(keys[2]),
            soci::use(keys[3]), soci::use(keys[4]), soci::use(all);
        return true;
    });
}

awaitable<void> SqlDirectoryStore::erase(xmpp::Jid user) {
    return database_.write(
        [jid = user.str()](soci::session& sql) { sql << "DELETE FROM directory WHERE jid = :jid", soci::use(jid); });
}

awaitable<bool> SqlDirectoryStore::contains(xmpp::Jid user) {
    return database_.read([jid = user.str()](soci::session& sql) {
        int known = 0;
        sql << "SELECT COUNT(*) FROM directory WHERE jid = :jid", soci::use(jid), soci::into(known);
        return known > 0;
    });
}

awaitable<std::vector<DirectoryEntry>> SqlDirectoryStore::find(DirectoryQuery query) {
    return database_.read([query = std::move(query)](soci::session& sql) {
        const std::array<std::string, 6> parts{pattern(query.anywhere), pattern(query.user), pattern(query.first),
                                               pattern(query.last),     pattern(query.nick), pattern(query.email)};
        std::vector<DirectoryEntry> found;
        std::string jid, first, last, nick, name, email;
        soci::statement select =
            (sql.prepare << "SELECT jid, first, last, nick, name, email FROM directory WHERE domain = :domain AND "
                            "key_all LIKE :p0 ESCAPE '!' AND key_user LIKE :p1 ESCAPE '!' AND key_first LIKE :p2 "
                            "ESCAPE '!' AND key_last LIKE :p3 ESCAPE '!' AND key_nick LIKE :p4 ESCAPE '!' AND "
                            "key_email LIKE :p5 ESCAPE '!' ORDER BY jid LIMIT "
                         << query.limit,
             soci::use(query.domain), soci::use(parts[0]), soci::use(parts[1]), soci::use(parts[2]),
             soci::use(parts[3]), soci::use(parts[4]), soci::use(parts[5]), soci::into(jid), soci::into(first),
             soci::into(last), soci::into(nick), soci::into(name), soci::into(email));
        select.execute();
        while (select.fetch()) {
            if (auto user = xmpp::Jid::parse(jid)) found.push_back({*user, first, last, nick, name, email});
        }
        return found;
    });
}

}  // namespace carillon::storage
