#include "signaling/storage/archive_store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>

#include "signaling/storage/archive_backfill.h"
#include "signaling/storage/archive_queue.h"
#include "signaling/storage/archive_sql.h"
#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

/// Drawn from the system in lots.
std::int64_t random_number() {
    thread_local std::array<std::int64_t, 64> lot;
    thread_local std::size_t left = 0;
    if (left == 0) {
        if (RAND_bytes(reinterpret_cast<unsigned char*>(lot.data()), sizeof lot) != 1)
            throw StorageError{"the system gives no random numbers"};
        left = lot.size();
    }
    return lot[--left];
}

bool contains(soci::session& sql, const ArchiveMatching& of, const ArchiveId& id) {
    const long long time = id.time;
    const long long random = id.random;
    int found = 0;
    sql << "SELECT COUNT(*) FROM archive WHERE owner = :owner AND id = :id AND owner_jid = :jid AND random = :random",
        soci::use(of.owner), soci::use(time), soci::use(of.owner_jid), soci::use(random), soci::into(found);
    return found > 0;
}

bool all_known(soci::session& sql, const ArchiveMatching& matching, const ArchiveQuery& query) {
    for (const auto* list : {&query.after, &query.before, &query.ids}) {
        if (!std::ranges::all_of(*list, [&](const auto& id) { return contains(sql, matching, id); })) return false;
    }
    return true;
}

std::uint64_t count(soci::session& sql, ArchiveMatching& matching) {
    long long found = 0;
    soci::statement select{sql};
    matching.bind(select);
    select.exchange(soci::into(found));
    select.alloc();
    select.prepare("SELECT COUNT(*) FROM archive" + matching.where());
    select.define_and_bind();
    select.execute(true);
    return static_cast<std::uint64_t>(found);
}

ArchivePage read_page(soci::session& sql, const ArchiveQuery& query) {
    ArchivePage page;
    const auto dialect = dialect_of(sql);
    ArchiveMatching matching{query, dialect};
    page.all_known = all_known(sql, matching, query);
    if (!page.all_known) return page;
    if (query.limit == 0) {
        page.count = count(sql, matching);
        page.complete = page.count == 0;
        return page;
    }
    long long time = 0;
    long long random = 0;
    std::string stanza;
    soci::statement select{sql};
    matching.bind(select);
    select.exchange(soci::into(time));
    select.exchange(soci::into(random));
    select.exchange(soci::into(stanza));
    select.alloc();
    select.prepare(page_sql(query, dialect));
    select.define_and_bind();
    select.execute();
    while (select.fetch()) page.messages.push_back({{time, random}, stanza});
    page.complete = page.messages.size() <= query.limit;
    if (!page.complete) page.messages.pop_back();
    if (query.newest_first) std::ranges::reverse(page.messages);
    return page;
}

std::optional<ArchiveId> end_of(soci::session& sql, const std::string& jid, bool newest) {
    const long long owner = jid_number(jid);
    long long time = 0;
    long long random = 0;
    sql << "SELECT id, random FROM archive WHERE owner = :owner AND owner_jid = :jid ORDER BY id "
        << (newest ? "DESC" : "ASC") << " LIMIT 1",
        soci::use(owner), soci::use(jid), soci::into(time), soci::into(random);
    if (!sql.got_data()) return std::nullopt;
    return ArchiveId{time, random};
}

/// The id that entry number `rank` (0: the newest) has, or nothing.
std::optional<long long> ranked(soci::session& sql, long long owner, const std::string& jid, std::size_t rank,
                                bool newest_first) {
    long long time = 0;
    sql << "SELECT id FROM archive WHERE owner = :owner AND owner_jid = :jid ORDER BY id "
        << (newest_first ? "DESC" : "ASC") << " LIMIT 1 OFFSET " << rank,
        soci::use(owner), soci::use(jid), soci::into(time);
    if (!sql.got_data()) return std::nullopt;
    return time;
}

/// Some of the entries before that one, newest first: when they came, and their octets.
std::vector<std::pair<long long, long long>> lengths_before(soci::session& sql, const std::string& jid,
                                                            long long below) {
    const long long owner = jid_number(jid);
    long long time = 0, length = 0;
    std::vector<std::pair<long long, long long>> found;
    soci::statement select = (sql.prepare << "SELECT id, " << octets_sql("stanza", dialect_of(sql))
                                          << " FROM archive WHERE owner = :owner AND owner_jid = :jid AND id < :below "
                                             "ORDER BY id DESC LIMIT 2000",
                              soci::use(owner), soci::use(jid), soci::use(below), soci::into(time), soci::into(length));
    select.execute();
    while (select.fetch()) found.emplace_back(time, length);
    return found;
}

/// What belonged to entries that are gone. Owners are hashes here: the entries say whose a text is.
void erase_stray_text(soci::session& sql, long long owner, long long below) {
    sql << "DELETE FROM archive_text WHERE owner = :owner AND id < :below AND NOT EXISTS (SELECT 1 FROM archive WHERE "
           "archive.owner = archive_text.owner AND archive.id = archive_text.id)",
        soci::use(owner), soci::use(below);
}

std::string join(const std::set<xmpp::Jid>& jids) {
    std::string text;
    for (const auto& jid : jids) text += jid.str() + '\n';  // no JID holds one
    return text;
}

std::set<xmpp::Jid> split(std::string_view text) {
    std::set<xmpp::Jid> jids;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (auto jid = xmpp::Jid::parse(text.substr(0, end))) jids.insert(std::move(*jid));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return jids;
}

}  // namespace

SqlArchiveStore::SqlArchiveStore(Database& database)
    : database_{database},
      queue_{std::make_shared<ArchiveQueue>(database)},
      backfill_{std::make_shared<ArchiveBackfill>(database)} {
    last_time_ = database_.number("SELECT last FROM archive_clock");
    backfill_->start();
}

SqlArchiveStore::~SqlArchiveStore() {
    queue_->close();
    backfill_->close();
}

ArchiveId SqlArchiveStore::make_id(WallTime now) {
    const std::int64_t wanted = to_microseconds(now);
    auto last = last_time_.load(std::memory_order_relaxed);
    auto next = std::max(wanted, last + 1);
    while (!last_time_.compare_exchange_weak(last, next, std::memory_order_relaxed)) next = std::max(wanted, last + 1);
    return {next, random_number()};
}

bool SqlArchiveStore::append(ArchiveEntry entry) { return queue_->append(std::move(entry)); }

/// Brings what waits to disk, so that a reader finds it.
awaitable<void> SqlArchiveStore::settle() {
    if (queue_->idle()) co_return;
    queue_->hurry();
    co_await database_.write([](soci::session&) {});  // behind it
}

awaitable<ArchivePage> SqlArchiveStore::query(ArchiveQuery query) {
    co_await settle();
    auto work = [query = std::move(query)](soci::session& sql) { return read_page(sql, query); };
    co_return co_await database_.read(std::move(work));
}

awaitable<std::optional<ArchiveEnds>> SqlArchiveStore::ends(xmpp::Jid owner) {
    co_await settle();
    auto work = [jid = owner.str()](soci::session& sql) -> std::optional<ArchiveEnds> {
        const auto first = end_of(sql, jid, false);
        const auto last = end_of(sql, jid, true);
        if (!first || !last) return std::nullopt;
        return ArchiveEnds{*first, *last};
    };
    co_return co_await database_.read(std::move(work));
}

awaitable<std::vector<xmpp::Jid>> SqlArchiveStore::owners(std::string domain, xmpp::Jid last, std::size_t limit) {
    return database_.read([domain = std::move(domain), last = last.str(), limit](soci::session& sql) {
        std::vector<xmpp::Jid> found;
        soci::rowset<std::string> rows =
            (sql.prepare << "SELECT jid FROM users WHERE domain = :domain AND jid > :last ORDER BY jid LIMIT " << limit,
             soci::use(domain), soci::use(last));
        for (const auto& row : rows) {
            if (auto jid = xmpp::Jid::parse(row)) found.push_back(std::move(*jid));
        }
        return found;
    });
}

awaitable<std::size_t> SqlArchiveStore::expire(xmpp::Jid owner, WallTime until, std::size_t keep, std::size_t limit) {
    return database_.write([jid = owner.str(), until = to_microseconds(until), keep, limit](soci::session& sql) {
        const long long number = jid_number(jid);
        long long below = until;
        if (keep > 0) {
            if (const auto beyond = ranked(sql, number, jid, keep, true)) below = std::max(below, *beyond + 1);
        }
        if (const auto bound = ranked(sql, number, jid, limit, false)) below = std::min(below, *bound);
        soci::statement erase = (sql.prepare << "DELETE FROM archive WHERE owner = :owner AND id < :below AND "
                                                "owner_jid = :jid",
                                 soci::use(number), soci::use(below), soci::use(jid));
        erase.execute(true);
        erase_stray_text(sql, number, below);
        return static_cast<std::size_t>(std::max<long long>(erase.get_affected_rows(), 0));
    });
}

awaitable<WallTime> SqlArchiveStore::oldest_within(xmpp::Jid owner, std::uint64_t octets) {
    co_await settle();
    auto below = std::numeric_limits<long long>::max();
    for (std::uint64_t seen = 0;;) {
        auto work = [jid = owner.str(), below](soci::session& sql) { return lengths_before(sql, jid, below); };
        const auto lengths = co_await database_.read(std::move(work));
        for (const auto& [time, length] : lengths) {
            seen += static_cast<std::uint64_t>(length);
            if (seen > octets) co_return WallTime{std::chrono::microseconds{time + 1}};
            below = time;
        }
        if (lengths.empty()) co_return WallTime{};  // nothing is beyond
    }
}

awaitable<bool> SqlArchiveStore::replace(xmpp::Jid owner, ArchiveId id, std::string stanza) {
    co_await settle();
    auto work = [jid = owner.str(), id, stanza = std::move(stanza)](soci::session& sql) {
        const long long number = jid_number(jid);
        const long long time = id.time;
        const long long random = id.random;
        soci::statement update =
            (sql.prepare << "UPDATE archive SET stanza = :stanza WHERE owner = :owner AND id = "
                            ":id AND owner_jid = :jid AND random = :random",
             soci::use(stanza), soci::use(number), soci::use(time), soci::use(jid), soci::use(random));
        update.execute(true);
        if (update.get_affected_rows() <= 0) return false;
        sql << "DELETE FROM archive_text WHERE owner = :owner AND id = :id", soci::use(number), soci::use(time);
        return true;
    };
    co_return co_await database_.write(std::move(work));
}

awaitable<std::map<xmpp::Jid, ArchivePreferences>> SqlArchiveStore::preferences(std::string domain) {
    return database_.read([domain = std::move(domain)](soci::session& sql) {
        std::map<xmpp::Jid, ArchivePreferences> all;
        std::string jid, always, never;
        int otherwise = 0;
        soci::statement select =
            (sql.prepare << "SELECT jid, otherwise, always_jids, never_jids FROM "
                            "archive_preferences WHERE domain = :domain",
             soci::use(domain), soci::into(jid), soci::into(otherwise), soci::into(always), soci::into(never));
        select.execute();
        while (select.fetch()) {
            auto owner = xmpp::Jid::parse(jid);
            if (!owner) continue;
            all[*owner] = {static_cast<ArchivePreferences::Default>(otherwise), split(always), split(never)};
        }
        return all;
    });
}

awaitable<void> SqlArchiveStore::set_preferences(xmpp::Jid owner, ArchivePreferences preferences) {
    return database_.write([jid = owner.str(), domain = std::string{owner.domain()},
                            otherwise = static_cast<int>(preferences.otherwise), always = join(preferences.always),
                            never = join(preferences.never)](soci::session& sql) {
        sql << "INSERT INTO archive_preferences (jid, domain, otherwise, always_jids, never_jids) VALUES (:jid, "
               ":domain, :otherwise, :always, :never) ON CONFLICT (jid) DO UPDATE SET otherwise = excluded.otherwise, "
               "always_jids = excluded.always_jids, never_jids = excluded.never_jids",
            soci::use(jid), soci::use(domain), soci::use(otherwise), soci::use(always), soci::use(never);
    });
}

void erase_archive(soci::session& sql, const std::string& owner) {
    const long long number = jid_number(owner);
    sql << "DELETE FROM archive WHERE owner = :owner AND owner_jid = :jid", soci::use(number), soci::use(owner);
    erase_stray_text(sql, number, std::numeric_limits<long long>::max());
    sql << "DELETE FROM archive_preferences WHERE jid = :jid", soci::use(owner);
}

}  // namespace carillon::storage
