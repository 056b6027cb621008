#include "signaling/storage/call_quality_store.h"

#include "signaling/storage/service_stores.h"

namespace carillon::storage {

awaitable<void> SqlCallQualityStore::put(CallQuality quality) {
    return database_.write([quality = std::move(quality)](soci::session& sql) {
        sql << "INSERT INTO call_quality (id, mos_to_callee, mos_to_caller, trouble) VALUES (:id, :m1, :m2, :trouble) "
               "ON CONFLICT (id) DO UPDATE SET mos_to_callee = excluded.mos_to_callee, mos_to_caller = "
               "excluded.mos_to_caller, trouble = excluded.trouble",
            soci::use(quality.id), soci::use(quality.mos_to_callee), soci::use(quality.mos_to_caller),
            soci::use(quality.trouble);
    });
}

awaitable<std::optional<CallQuality>> SqlCallQualityStore::get(std::string id) {
    return database_.read([id = std::move(id)](soci::session& sql) -> std::optional<CallQuality> {
        CallQuality found{.id = id, .trouble = {}};
        sql << "SELECT mos_to_callee, mos_to_caller, trouble FROM call_quality WHERE id = :id", soci::use(id),
            soci::into(found.mos_to_callee), soci::into(found.mos_to_caller), soci::into(found.trouble);
        if (!sql.got_data()) return std::nullopt;
        return found;
    });
}

}  // namespace carillon::storage
