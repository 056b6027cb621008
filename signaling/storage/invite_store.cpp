#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

constexpr std::chrono::hours kKeptExpired{24};  // who was let in before it expired may still finish (XEP-0445 §4)

/// One row, and where SOCI puts it.
struct Row {
    std::string token, host, account, inviter;
    int registers = 0;
    long long created = 0;
    long long expires = 0;
    int uses = 0;

    Invite invite() const {
        return {.token = token,
                .host = host,
                .account = account,
                .inviter = xmpp::Jid::parse(inviter).value_or(xmpp::Jid{}),
                .registers = registers != 0,
                .created = from_milliseconds(created),
                .expires = from_milliseconds(expires),
                .uses = uses};
    }
};

}  // namespace

awaitable<bool> SqlInviteStore::add(Invite invite, std::size_t limit) {
    return database_.write([invite = std::move(invite), limit](soci::session& sql) {
        const long long created = to_milliseconds(invite.created);
        const long long expires = to_milliseconds(invite.expires);
        const long long forgotten = to_milliseconds(invite.created - kKeptExpired);
        const auto& inviter = invite.inviter.str();
        sql << "DELETE FROM invites WHERE expires < :forgotten", soci::use(forgotten);
        if (!inviter.empty()) {
            int living = 0;
            sql << "SELECT COUNT(*) FROM invites WHERE inviter = :inviter AND expires > :now", soci::use(inviter),
                soci::use(created), soci::into(living);
            if (static_cast<std::size_t>(living) >= limit) return false;
        }
        const int registers = invite.registers ? 1 : 0;
        sql << "INSERT INTO invites (token, host, account, inviter, registers, created, expires, uses) "
               "VALUES (:token, :host, :account, :inviter, :registers, :created, :expires, :uses)",
            soci::use(invite.token), soci::use(invite.host), soci::use(invite.account), soci::use(inviter),
            soci::use(registers), soci::use(created), soci::use(expires), soci::use(invite.uses);
        return true;
    });
}

awaitable<std::optional<Invite>> SqlInviteStore::find(std::string token) {
    return database_.read([token = std::move(token)](soci::session& sql) -> std::optional<Invite> {
        Row row;
        sql << "SELECT token, host, account, inviter, registers, created, expires, uses FROM invites WHERE token = "
               ":token",
            soci::use(token), soci::into(row.token), soci::into(row.host), soci::into(row.account),
            soci::into(row.inviter), soci::into(row.registers), soci::into(row.created), soci::into(row.expires),
            soci::into(row.uses);
        if (!sql.got_data()) return std::nullopt;
        return row.invite();
    });
}

awaitable<bool> SqlInviteStore::use(std::string token) {
    return database_.write([token = std::move(token)](soci::session& sql) {
        int uses = 0;
        sql << "SELECT uses FROM invites WHERE token = :token", soci::use(token), soci::into(uses);
        if (!sql.got_data()) return false;
        if (uses > 1) {
            sql << "UPDATE invites SET uses = uses - 1 WHERE token = :token", soci::use(token);
        } else {
            sql << "DELETE FROM invites WHERE token = :token", soci::use(token);
        }
        return true;
    });
}

awaitable<bool> SqlInviteStore::remove(std::string token) {
    return database_.write([token = std::move(token)](soci::session& sql) {
        int known = 0;
        sql << "SELECT COUNT(*) FROM invites WHERE token = :token", soci::use(token), soci::into(known);
        sql << "DELETE FROM invites WHERE token = :token", soci::use(token);
        return known > 0;
    });
}

awaitable<std::vector<Invite>> SqlInviteStore::list(std::string host, WallTime now) {
    return database_.read([host = std::move(host), now = to_milliseconds(now)](soci::session& sql) {
        std::vector<Invite> invites;
        Row row;
        const long long since = now;
        soci::statement select =
            (sql.prepare << "SELECT token, host, account, inviter, registers, created, expires, uses FROM invites "
                            "WHERE host = :host AND expires > :now ORDER BY created, token",
             soci::use(host), soci::use(since), soci::into(row.token), soci::into(row.host), soci::into(row.account),
             soci::into(row.inviter), soci::into(row.registers), soci::into(row.created), soci::into(row.expires),
             soci::into(row.uses));
        select.execute();
        while (select.fetch()) invites.push_back(row.invite());
        return invites;
    });
}

awaitable<bool> SqlInviteStore::keeps(std::string host, std::string account, WallTime now) {
    return database_.read(
        [host = std::move(host), account = std::move(account), now = to_milliseconds(now)](soci::session& sql) {
            int found = 0;
            const long long since = now;
            sql << "SELECT COUNT(*) FROM invites WHERE host = :host AND account = :account AND expires > :now",
                soci::use(host), soci::use(account), soci::use(since), soci::into(found);
            return found > 0;
        });
}

}  // namespace carillon::storage
