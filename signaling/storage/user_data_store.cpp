#include "signaling/storage/dialect.h"
#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

void write(soci::session& sql, const std::string& jid, const std::string& space, const std::string& name,
           const std::string& value) {
    sql << "INSERT INTO user_data (jid, space, name, value) VALUES (:jid, :space, :name, :value) "
           "ON CONFLICT (jid, space, name) DO UPDATE SET value = excluded.value",
        soci::use(jid), soci::use(space), soci::use(name), soci::use(value);
}

constexpr std::string_view kAccount = "account";
constexpr std::string_view kDisabled = "disabled";

awaitable<std::optional<std::string>> nothing() { co_return std::nullopt; }

}  // namespace

SqlUserDataStore::SqlUserDataStore(Database& database) : database_{database} {
    for (auto& jid : database.texts("SELECT jid FROM user_data WHERE space = 'account' AND name = 'disabled'"))
        disabled_.insert(std::move(jid));
}

bool SqlUserDataStore::is_nobodys(const std::string& jid, std::string_view space, std::string_view name) {
    if (space != kAccount || name != kDisabled) return false;
    const std::lock_guard lock{mutex_};
    return !disabled_.contains(jid);
}

/// Before it is written: from then on the database is asked.
void SqlUserDataStore::note(const std::string& jid, std::string_view space, std::string_view name) {
    if (space != kAccount || name != kDisabled) return;
    const std::lock_guard lock{mutex_};
    disabled_.insert(jid);
}

awaitable<std::optional<std::string>> SqlUserDataStore::get(xmpp::Jid user, std::string space, std::string name) {
    if (is_nobodys(user.str(), space, name)) return nothing();
    return database_.look([jid = user.str(), space = std::move(space),
                           name = std::move(name)](soci::session& sql) -> std::optional<std::string> {
        std::string value;
        sql << "SELECT value FROM user_data WHERE jid = :jid AND space = :space AND name = :name", soci::use(jid),
            soci::use(space), soci::use(name), soci::into(value);
        if (!sql.got_data()) return std::nullopt;
        return value;
    });
}

awaitable<bool> SqlUserDataStore::put(xmpp::Jid user, std::string space, std::string name, std::string value,
                                      Bounds bounds) {
    note(user.str(), space, name);
    return database_.write([jid = user.str(), space = std::move(space), name = std::move(name),
                            value = std::move(value), bounds](soci::session& sql) {
        long long entries = 0;
        long long octets = 0;
        const auto dialect = dialect_of(sql);
        sql << "SELECT COUNT(*), COALESCE(SUM(" + octets_sql("name", dialect) + " + " + octets_sql("value", dialect) +
                   "), 0) FROM user_data WHERE jid = :jid AND space = :space AND name <> :name",
            soci::use(jid), soci::use(space), soci::use(name), soci::into(entries), soci::into(octets);
        const auto others = static_cast<std::size_t>(octets);
        if (static_cast<std::size_t>(entries) >= bounds.entries) return false;
        if (others + name.size() + value.size() > bounds.octets) return false;
        write(sql, jid, space, name, value);
        return true;
    });
}

awaitable<void> SqlUserDataStore::erase(xmpp::Jid user, std::string space, std::string name) {
    return database_.write([jid = user.str(), space = std::move(space), name = std::move(name)](soci::session& sql) {
        sql << "DELETE FROM user_data WHERE jid = :jid AND space = :space AND name = :name", soci::use(jid),
            soci::use(space), soci::use(name);
    });
}

awaitable<void> SqlUserDataStore::put_for_many(std::string space, std::string name,
                                               std::vector<std::pair<xmpp::Jid, std::string>> values) {
    for (const auto& [user, value] : values) note(user.str(), space, name);
    return database_.write(
        [space = std::move(space), name = std::move(name), values = std::move(values)](soci::session& sql) {
            for (const auto& [user, value] : values) {
                int known = 0;
                sql << "SELECT COUNT(*) FROM users WHERE jid = :jid", soci::use(user.str()), soci::into(known);
                if (known > 0) write(sql, user.str(), space, name, value);
            }
        });
}

}  // namespace carillon::storage
