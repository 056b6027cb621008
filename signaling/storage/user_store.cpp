#include <openssl/evp.h>

#include "signaling/auth/base64.h"
#include "signaling/storage/dialect.h"
#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

bool user_exists(soci::session& sql, const std::string& jid) {
    int found = 0;
    sql << "SELECT COUNT(*) FROM users WHERE jid = :jid", soci::use(jid), soci::into(found);
    return found > 0;
}

void write_keys(soci::session& sql, const std::string& jid, const std::vector<ScramKeys>& all) {
    sql << "DELETE FROM scram_keys WHERE jid = :jid", soci::use(jid);
    for (const auto& keys : all) {
        const auto salt = auth::base64_encode(keys.salt);
        const auto stored = auth::base64_encode(keys.stored_key);
        const auto server = auth::base64_encode(keys.server_key);
        const int iterations = static_cast<int>(keys.iterations);
        sql << "INSERT INTO scram_keys (jid, mechanism, salt, iterations, stored_key, server_key) "
               "VALUES (:jid, :mechanism, :salt, :iterations, :stored, :server)",
            soci::use(jid), soci::use(keys.mechanism), soci::use(salt), soci::use(iterations), soci::use(stored),
            soci::use(server);
    }
}

/// What each log-in asks, compiled once.
class SelectKeys {
  public:
    explicit SelectKeys(soci::session& sql)
        : select_{(sql.prepare << "SELECT salt, iterations, stored_key, server_key FROM scram_keys WHERE jid = :jid "
                                  "AND mechanism = :mechanism",
                   soci::use(jid_), soci::use(mechanism_), soci::into(salt_), soci::into(iterations_),
                   soci::into(stored_), soci::into(server_))} {}

    std::optional<ScramKeys> run(const std::string& jid, const std::string& mechanism) {
        jid_ = jid;
        mechanism_ = mechanism;
        if (!select_.execute(true)) return std::nullopt;
        ScramKeys keys{.mechanism = mechanism,
                       .salt = auth::base64_decode(salt_).value_or(""),
                       .iterations = static_cast<std::uint32_t>(iterations_),
                       .stored_key = auth::base64_decode(stored_).value_or(""),
                       .server_key = auth::base64_decode(server_).value_or("")};
        // Until it is stepped to its end or begun anew, a statement holds the database in the state that it saw.
        while (select_.fetch()) {
        }
        return keys;
    }

  private:
    std::string jid_, mechanism_, salt_, stored_, server_;
    int iterations_ = 0;
    soci::statement select_;
};

}  // namespace

awaitable<bool> SqlUserStore::exists(xmpp::Jid bare) {
    return database_.look([jid = bare.str()](soci::session& sql) { return user_exists(sql, jid); });
}

awaitable<bool> SqlUserStore::create(xmpp::Jid bare, std::vector<ScramKeys> keys) {
    const auto now = to_milliseconds(SystemClock::instance().wall());
    return database_.write(
        [jid = bare.str(), domain = std::string{bare.domain()}, keys = std::move(keys), now](soci::session& sql) {
            if (user_exists(sql, jid)) return false;
            sql << "INSERT INTO users (jid, domain, created) VALUES (:jid, :domain, :now)", soci::use(jid),
                soci::use(domain), soci::use(now);
            write_keys(sql, jid, keys);
            return true;
        });
}

awaitable<bool> SqlUserStore::set_keys(xmpp::Jid bare, std::vector<ScramKeys> keys) {
    return database_.write([jid = bare.str(), keys = std::move(keys)](soci::session& sql) {
        if (!user_exists(sql, jid)) return false;
        write_keys(sql, jid, keys);
        // Who changes a password wants to be rid of whoever knew the old one.
        sql << "DELETE FROM fast_tokens WHERE jid = :jid", soci::use(jid);
        return true;
    });
}

awaitable<std::optional<ScramKeys>> SqlUserStore::keys(xmpp::Jid bare, std::string mechanism) {
    return database_.look([jid = bare.str(), mechanism = std::move(mechanism)](soci::session& sql) {
        // A session of PostgreSQL may be lost, and what it compiled with it.
        if (dialect_of(sql) == Dialect::postgresql) return SelectKeys{sql}.run(jid, mechanism);
        // One for each thread of the pool, which keeps its session for life.
        thread_local std::unique_ptr<SelectKeys> select;
        if (!select) select = std::make_unique<SelectKeys>(sql);
        try {
            return select->run(jid, mechanism);
        } catch (...) {
            select.reset();
            throw;
        }
    });
}

awaitable<bool> SqlUserStore::remove(xmpp::Jid bare) {
    return database_.write([jid = bare.str()](soci::session& sql) {
        if (!user_exists(sql, jid)) return false;
        for (const auto* table : {"scram_keys", "roster_items", "rosters", "blocked", "user_data", "offline_messages",
                                  "push_registrations", "fast_tokens", "directory", "users"}) {
            sql << "DELETE FROM " << table << " WHERE jid = :jid", soci::use(jid);
        }
        erase_archive(sql, jid);
        erase_pubsub(sql, jid);
        expire_uploads(sql, jid);
        sql << "DELETE FROM invites WHERE inviter = :jid", soci::use(jid);
        return true;
    });
}

awaitable<std::vector<xmpp::Jid>> SqlUserStore::list(std::string domain) {
    return database_.read([domain = std::move(domain)](soci::session& sql) {
        std::vector<xmpp::Jid> users;
        soci::rowset<std::string> rows =
            (sql.prepare << "SELECT jid FROM users WHERE domain = :domain ORDER BY jid", soci::use(domain));
        for (const auto& row : rows) {
            if (auto jid = xmpp::Jid::parse(row)) users.push_back(std::move(*jid));
        }
        return users;
    });
}

}  // namespace carillon::storage
