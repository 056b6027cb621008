#include "signaling/storage/stores.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::storage {
namespace {

enum Flag : int { kTo = 1, kFrom = 2, kPendingOut = 4, kPendingIn = 8, kApproved = 16, kListed = 32 };

int flags_of(const session::RosterItem& item) {
    return (item.to ? kTo : 0) | (item.from ? kFrom : 0) | (item.pending_out ? kPendingOut : 0) |
           (item.pending_in ? kPendingIn : 0) | (item.approved ? kApproved : 0) | (item.listed ? kListed : 0);
}

/// Group names may hold any character: they are kept as the roster protocol's own <group/> elements.
std::string write_groups(const session::Groups& groups) {
    xml::Element list{"groups", "jabber:iq:roster"};
    for (const auto group : groups.names()) list.add("group").add_text(group);
    return groups.empty() ? std::string{} : xml::to_document(list);
}

session::Groups read_groups(const std::string& text) {
    session::Groups groups;
    if (text.empty()) return groups;
    const auto list = xml::parse_document(text);
    if (!list) return groups;
    for (const auto* group : list->children()) groups.add(group->text());
    return groups;
}

void write_version(soci::session& sql, const std::string& jid, std::uint64_t version) {
    const auto number = static_cast<long long>(version);
    sql << "INSERT INTO rosters (jid, version) VALUES (:jid, :version) "
           "ON CONFLICT (jid) DO UPDATE SET version = excluded.version",
        soci::use(jid), soci::use(number);
}

}  // namespace

awaitable<session::Roster> SqlRosterStore::load(xmpp::Jid user) {
    return database_.read([jid = user.str()](soci::session& sql) {
        session::Roster roster;
        long long version = 0;
        sql << "SELECT version FROM rosters WHERE jid = :jid", soci::use(jid), soci::into(version);
        if (sql.got_data()) roster.version = static_cast<std::uint64_t>(version);
        std::string contact, name, groups, request;
        int flags = 0;
        soci::statement select = (sql.prepare << "SELECT contact, name, contact_groups, flags, request, version "
                                                 "FROM roster_items WHERE jid = :jid",
                                  soci::use(jid), soci::into(contact), soci::into(name), soci::into(groups),
                                  soci::into(flags), soci::into(request), soci::into(version));
        select.execute();
        while (select.fetch()) {
            auto parsed = xmpp::Jid::parse(contact);
            if (!parsed) continue;
            session::RosterItem item{.jid = *parsed,
                                     .name = name,
                                     .groups = read_groups(groups),
                                     .to = (flags & kTo) != 0,
                                     .from = (flags & kFrom) != 0,
                                     .pending_out = (flags & kPendingOut) != 0,
                                     .pending_in = (flags & kPendingIn) != 0,
                                     .approved = (flags & kApproved) != 0,
                                     .listed = (flags & kListed) != 0,
                                     .request = request,
                                     .version = static_cast<std::uint64_t>(version)};
            roster.items.add(std::move(item));
        }
        soci::statement blocked = (sql.prepare << "SELECT contact FROM blocked WHERE jid = :jid ORDER BY contact",
                                   soci::use(jid), soci::into(contact));
        blocked.execute();
        while (blocked.fetch()) {
            if (const auto parsed = xmpp::Jid::parse(contact)) roster.blocked.add(*parsed);
        }
        return roster;
    });
}

awaitable<void> SqlRosterStore::put(xmpp::Jid user, session::RosterItem item, std::uint64_t version) {
    return database_.write([jid = user.str(), item = std::move(item), version](soci::session& sql) {
        const auto& contact = item.jid.str();
        const auto groups = write_groups(item.groups);
        const int flags = flags_of(item);
        const auto item_version = static_cast<long long>(item.version);
        sql << "INSERT INTO roster_items (jid, contact, name, contact_groups, flags, request, version) "
               "VALUES (:jid, :contact, :name, :groups, :flags, :request, :version) ON CONFLICT (jid, contact) DO "
               "UPDATE SET "
               "name = excluded.name, contact_groups = excluded.contact_groups, flags = excluded.flags, "
               "request = excluded.request, version = excluded.version",
            soci::use(jid), soci::use(contact), soci::use(item.name), soci::use(groups), soci::use(flags),
            soci::use(item.request), soci::use(item_version);
        write_version(sql, jid, version);
    });
}

awaitable<void> SqlRosterStore::remove(xmpp::Jid user, xmpp::Jid contact, std::uint64_t version) {
    return database_.write([jid = user.str(), contact = contact.str(), version](soci::session& sql) {
        sql << "DELETE FROM roster_items WHERE jid = :jid AND contact = :contact", soci::use(jid), soci::use(contact);
        write_version(sql, jid, version);
    });
}

awaitable<void> SqlRosterStore::block(xmpp::Jid user, std::vector<xmpp::Jid> entries) {
    return database_.write([jid = user.str(), entries = std::move(entries)](soci::session& sql) {
        for (const auto& entry : entries) {
            sql << "INSERT INTO blocked (jid, contact) VALUES (:jid, :contact) ON CONFLICT (jid, contact) DO NOTHING",
                soci::use(jid), soci::use(entry.str());
        }
    });
}

awaitable<void> SqlRosterStore::unblock(xmpp::Jid user, std::vector<xmpp::Jid> entries) {
    return database_.write([jid = user.str(), entries = std::move(entries)](soci::session& sql) {
        for (const auto& entry : entries) {
            sql << "DELETE FROM blocked WHERE jid = :jid AND contact = :contact", soci::use(jid),
                soci::use(entry.str());
        }
    });
}

}  // namespace carillon::storage
