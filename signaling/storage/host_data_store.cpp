#include "signaling/storage/host_data_store.h"

#include "signaling/storage/service_stores.h"

namespace carillon::storage {

awaitable<std::optional<std::string>> SqlHostDataStore::get(std::string host, std::string name) {
    return database_.read(
        [host = std::move(host), name = std::move(name)](soci::session& sql) -> std::optional<std::string> {
            std::string value;
            sql << "SELECT value FROM host_data WHERE host = :host AND name = :name", soci::use(host), soci::use(name),
                soci::into(value);
            if (!sql.got_data()) return std::nullopt;
            return value;
        });
}

awaitable<void> SqlHostDataStore::put(std::string host, std::string name, std::string value) {
    return database_.write(
        [host = std::move(host), name = std::move(name), value = std::move(value)](soci::session& sql) {
            sql << "INSERT INTO host_data (host, name, value) VALUES (:host, :name, :value) "
                   "ON CONFLICT (host, name) DO UPDATE SET value = excluded.value",
                soci::use(host), soci::use(name), soci::use(value);
        });
}

awaitable<void> SqlHostDataStore::erase(std::string host, std::string name) {
    return database_.write([host = std::move(host), name = std::move(name)](soci::session& sql) {
        sql << "DELETE FROM host_data WHERE host = :host AND name = :name", soci::use(host), soci::use(name);
    });
}

}  // namespace carillon::storage
