#include "signaling/storage/upload_store.h"

#include <algorithm>
#include <limits>

#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

constexpr long long kNever = std::numeric_limits<long long>::max();

WallTime time_of(long long stored) { return stored == kNever ? WallTime::max() : from_milliseconds(stored); }
long long stored_of(WallTime time) { return time == WallTime::max() ? kNever : to_milliseconds(time); }

long long sum(soci::session& sql, const std::string& owner, long long since, long long now) {
    long long octets = 0;
    sql << "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM uploads WHERE owner = :owner AND created >= :since AND "
           "expires > :now",
        soci::use(owner), soci::use(since), soci::use(now), soci::into(octets);
    return octets;
}

std::optional<WallTime> oldest(soci::session& sql, const std::string& owner, long long since, long long now) {
    long long created = 0;
    sql << "SELECT created FROM uploads WHERE owner = :owner AND created >= :since AND expires > :now ORDER BY created "
           "LIMIT 1",
        soci::use(owner), soci::use(since), soci::use(now), soci::into(created);
    if (!sql.got_data()) return std::nullopt;
    return from_milliseconds(created);
}

bool exceeds(std::uint64_t limit, long long used, std::uint64_t more) {
    return limit != 0 && static_cast<std::uint64_t>(used) + more > limit;
}

UploadReservation check(soci::session& sql, const Upload& upload, const UploadLimits& limits) {
    const long long now = to_milliseconds(upload.created);
    const long long since = to_milliseconds(limits.period_begin);
    long long open = 0;
    sql << "SELECT COUNT(*) FROM uploads WHERE owner = :owner AND hash = '' AND expires > :now",
        soci::use(upload.owner), soci::use(now), soci::into(open);
    if (static_cast<std::size_t>(open) >= limits.slots) return {UploadRefusal::too_many_slots, {}};
    if (exceeds(limits.in_period, sum(sql, upload.owner, since, now), upload.size))
        return {UploadRefusal::period_used_up, oldest(sql, upload.owner, since, now)};
    if (exceeds(limits.in_all, sum(sql, upload.owner, 0, now), upload.size)) return {UploadRefusal::space_used_up, {}};
    return {};
}

/// Takes one reference off; true: it was the last, and the row is gone.
bool unrefer(soci::session& sql, const std::string& hash) {
    sql << "UPDATE upload_contents SET refs = refs - 1 WHERE hash = :hash", soci::use(hash);
    soci::statement erase =
        (sql.prepare << "DELETE FROM upload_contents WHERE hash = :hash AND refs <= 0", soci::use(hash));
    erase.execute(true);
    return erase.get_affected_rows() > 0;
}

}  // namespace

awaitable<UploadReservation> SqlUploadStore::reserve(Upload upload, UploadLimits limits) {
    return database_.write([upload = std::move(upload), limits](soci::session& sql) {
        auto verdict = check(sql, upload, limits);
        if (verdict.refusal != UploadRefusal::none) return verdict;
        const long long size = static_cast<long long>(upload.size);
        const long long created = to_milliseconds(upload.created);
        const long long expires = to_milliseconds(upload.expires);
        const long long keep = upload.keep.count();
        const long long latest = stored_of(upload.latest);
        sql << "INSERT INTO uploads (id, owner, host, name, media_type, size, hash, created, expires, keep, latest) "
               "VALUES (:id, :owner, :host, :name, :media_type, :size, '', :created, :expires, :keep, :latest)",
            soci::use(upload.id), soci::use(upload.owner), soci::use(upload.host), soci::use(upload.name),
            soci::use(upload.type), soci::use(size), soci::use(created), soci::use(expires), soci::use(keep),
            soci::use(latest);
        return verdict;
    });
}

awaitable<std::optional<Upload>> SqlUploadStore::find(std::string id) {
    return database_.read([id = std::move(id)](soci::session& sql) -> std::optional<Upload> {
        Upload found{.id = id};
        long long size = 0, created = 0, expires = 0, keep = 0;
        sql << "SELECT owner, host, name, media_type, size, hash, created, expires, keep FROM uploads WHERE id = :id",
            soci::use(id), soci::into(found.owner), soci::into(found.host), soci::into(found.name),
            soci::into(found.type), soci::into(size), soci::into(found.hash), soci::into(created), soci::into(expires),
            soci::into(keep);
        if (!sql.got_data()) return std::nullopt;
        found.size = static_cast<std::uint64_t>(size);
        found.created = from_milliseconds(created);
        found.expires = time_of(expires);
        found.keep = std::chrono::milliseconds{keep};
        sql << "SELECT thumbnail_width, thumbnail_height FROM upload_contents WHERE hash = :hash",
            soci::use(found.hash), soci::into(found.thumbnail.width), soci::into(found.thumbnail.height);
        return found;
    });
}

awaitable<bool> SqlUploadStore::complete(std::string id, std::string hash, WallTime now,
                                         std::function<void()> publish) {
    return database_.write([id = std::move(id), hash = std::move(hash), at = to_milliseconds(now),
                            publish = std::move(publish)](soci::session& sql) {
        long long keep = 0, size = 0, latest = 0;
        const long long time = at;
        sql << "SELECT keep, size, latest FROM uploads WHERE id = :id AND hash = '' AND expires > :now", soci::use(id),
            soci::use(time), soci::into(keep), soci::into(size), soci::into(latest);
        if (!sql.got_data()) return false;
        const long long expires = std::min(latest, keep == 0 ? kNever : time + keep);
        sql << "UPDATE uploads SET hash = :hash, expires = :expires WHERE id = :id", soci::use(hash),
            soci::use(expires), soci::use(id);
        sql << "INSERT INTO upload_contents (hash, size, refs, thumbnail_width, thumbnail_height) VALUES (:hash, "
               ":size, "
               "1, 0, 0) ON CONFLICT (hash) DO UPDATE SET refs = upload_contents.refs + 1",
            soci::use(hash), soci::use(size);
        publish();  // before the commit: what is promised is there; left behind by a failure, it is found as unknown
        return true;
    });
}

awaitable<void> SqlUploadStore::set_thumbnail(std::string hash, ThumbnailSize size) {
    return database_.write([hash = std::move(hash), size](soci::session& sql) {
        sql << "UPDATE upload_contents SET thumbnail_width = :width, thumbnail_height = :height WHERE hash = :hash",
            soci::use(size.width), soci::use(size.height), soci::use(hash);
    });
}

awaitable<std::size_t> SqlUploadStore::collect(WallTime now, std::size_t limit,
                                               std::function<void(const std::string& hash)> remove) {
    return database_.write([at = to_milliseconds(now), limit, remove = std::move(remove)](soci::session& sql) {
        const long long time = at;
        std::vector<std::pair<std::string, std::string>> gone;
        std::string id, hash;
        soci::statement select = (sql.prepare << "SELECT id, hash FROM uploads WHERE expires <= :now ORDER BY expires "
                                                 "LIMIT "
                                              << limit,
                                  soci::use(time), soci::into(id), soci::into(hash));
        select.execute();
        while (select.fetch()) gone.emplace_back(id, hash);
        for (const auto& [file, content] : gone) {
            sql << "DELETE FROM uploads WHERE id = :id", soci::use(file);
            if (!content.empty() && unrefer(sql, content)) remove(content);
        }
        return gone.size();
    });
}

awaitable<void> SqlUploadStore::expire(std::string id) {
    return database_.write([id = std::move(id)](soci::session& sql) {
        sql << "UPDATE uploads SET expires = 0 WHERE id = :id", soci::use(id);
    });
}

awaitable<std::uint64_t> SqlUploadStore::used(std::string owner, WallTime now) {
    return database_.read([owner = std::move(owner), at = to_milliseconds(now)](soci::session& sql) {
        return static_cast<std::uint64_t>(sum(sql, owner, 0, at));
    });
}

awaitable<std::size_t> SqlUploadStore::remove_unknown(std::vector<std::string> hashes,
                                                      std::function<void(const std::string& hash)> remove) {
    return database_.write([hashes = std::move(hashes), remove = std::move(remove)](soci::session& sql) {
        std::size_t removed = 0;
        for (const auto& hash : hashes) {
            int known = 0;
            sql << "SELECT COUNT(*) FROM upload_contents WHERE hash = :hash", soci::use(hash), soci::into(known);
            if (known != 0) continue;
            remove(hash);
            ++removed;
        }
        return removed;
    });
}

void expire_uploads(soci::session& sql, const std::string& owner) {
    const auto kept_for_it = owner + "/voicemail";
    sql << "UPDATE uploads SET expires = 0 WHERE owner = :owner OR owner = :kept", soci::use(owner),
        soci::use(kept_for_it);
}

}  // namespace carillon::storage
