#include "signaling/storage/room_store.h"

#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

std::vector<StoredAffiliation> affiliations_of(soci::session& sql, const std::string& room) {
    std::vector<StoredAffiliation> found;
    std::string who, nick, reason;
    int affiliation = 0;
    soci::statement select =
        (sql.prepare << "SELECT jid, affiliation, nick, reason FROM room_affiliations WHERE room "
                        "= :room ORDER BY jid",
         soci::use(room), soci::into(who), soci::into(affiliation), soci::into(nick), soci::into(reason));
    select.execute();
    while (select.fetch()) {
        auto jid = xmpp::Jid::parse(who);
        if (jid) found.push_back({std::move(*jid), affiliation, nick, reason});
    }
    return found;
}

std::vector<StoredRoom> read_rooms(soci::session& sql, const std::string& domain, const std::string& last,
                                   std::size_t limit) {
    std::vector<StoredRoom> found;
    std::string jid, creator, state, vcard;
    long long created = 0;
    int persistent = 0;
    soci::statement select = (sql.prepare << "SELECT jid, creator, created, persistent, state, vcard FROM rooms WHERE "
                                             "domain = :domain AND jid > :last ORDER BY jid LIMIT "
                                          << limit,
                              soci::use(domain), soci::use(last), soci::into(jid), soci::into(creator),
                              soci::into(created), soci::into(persistent), soci::into(state), soci::into(vcard));
    select.execute();
    while (select.fetch()) {
        auto room = xmpp::Jid::parse(jid);
        if (!room) continue;
        found.push_back({std::move(*room),
                         xmpp::Jid::parse(creator).value_or(xmpp::Jid{}),
                         from_milliseconds(created),
                         persistent != 0,
                         state,
                         vcard,
                         {}});
    }
    for (auto& room : found) room.affiliations = affiliations_of(sql, room.room.str());
    return found;
}

bool room_exists(soci::session& sql, const std::string& room) {
    int found = 0;
    sql << "SELECT COUNT(*) FROM rooms WHERE jid = :jid", soci::use(room), soci::into(found);
    return found > 0;
}

}  // namespace

awaitable<std::vector<StoredRoom>> SqlRoomStore::load(std::string domain, xmpp::Jid last, std::size_t limit) {
    return database_.read([domain = std::move(domain), last = last.str(), limit](soci::session& sql) {
        return read_rooms(sql, domain, last, limit);
    });
}

awaitable<void> SqlRoomStore::put(StoredRoom room) {
    return database_.write([room = std::move(room)](soci::session& sql) {
        const std::string domain{room.room.domain()};
        const long long created = to_milliseconds(room.created);
        const int persistent = room.persistent ? 1 : 0;
        sql << "INSERT INTO rooms (jid, domain, creator, created, persistent, state, vcard) VALUES (:jid, :domain, "
               ":creator, :created, :persistent, :state, '') ON CONFLICT (jid) DO UPDATE SET persistent = "
               "excluded.persistent, state = excluded.state",
            soci::use(room.room.str()), soci::use(domain), soci::use(room.creator.str()), soci::use(created),
            soci::use(persistent), soci::use(room.state);
    });
}

awaitable<void> SqlRoomStore::put_vcard(xmpp::Jid room, std::string vcard) {
    return database_.write([jid = room.str(), vcard = std::move(vcard)](soci::session& sql) {
        sql << "UPDATE rooms SET vcard = :vcard WHERE jid = :jid", soci::use(vcard), soci::use(jid);
    });
}

awaitable<void> SqlRoomStore::put_affiliations(xmpp::Jid room, std::vector<StoredAffiliation> changed) {
    return database_.write([jid = room.str(), changed = std::move(changed)](soci::session& sql) {
        if (!room_exists(sql, jid)) return;
        for (const auto& each : changed) {
            if (each.affiliation == 0 && each.nick.empty()) {
                sql << "DELETE FROM room_affiliations WHERE room = :room AND jid = :jid", soci::use(jid),
                    soci::use(each.who.str());
                continue;
            }
            sql << "INSERT INTO room_affiliations (room, jid, affiliation, nick, reason) VALUES (:room, :jid, "
                   ":affiliation, :nick, :reason) ON CONFLICT (room, jid) DO UPDATE SET affiliation = "
                   "excluded.affiliation, nick = excluded.nick, reason = excluded.reason",
                soci::use(jid), soci::use(each.who.str()), soci::use(each.affiliation), soci::use(each.nick),
                soci::use(each.reason);
        }
    });
}

awaitable<void> SqlRoomStore::erase(xmpp::Jid room) {
    return database_.write([jid = room.str()](soci::session& sql) {
        sql << "DELETE FROM room_affiliations WHERE room = :room", soci::use(jid);
        sql << "DELETE FROM rooms WHERE jid = :jid", soci::use(jid);
        erase_archive(sql, jid);
    });
}

}  // namespace carillon::storage
