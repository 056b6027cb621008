#include "signaling/storage/push_store.h"

#include "signaling/storage/stores.h"

namespace carillon::storage {

awaitable<std::vector<PushRegistration>> SqlPushStore::load(xmpp::Jid user) {
    return database_.read([jid = user.str()](soci::session& sql) {
        std::vector<PushRegistration> found;
        std::string service, node, form;
        int failures = 0;
        long long messages = 0;
        soci::statement select = (sql.prepare << "SELECT service, node, form, failures, messages FROM "
                                                 "push_registrations WHERE jid = :jid ORDER BY service, node",
                                  soci::use(jid), soci::into(service), soci::into(node), soci::into(form),
                                  soci::into(failures), soci::into(messages));
        select.execute();
        while (select.fetch()) {
            auto parsed = xmpp::Jid::parse(service);
            if (!parsed) continue;
            found.push_back({std::move(*parsed), node, form, static_cast<unsigned>(failures),
                             static_cast<std::uint64_t>(messages)});
        }
        return found;
    });
}

awaitable<bool> SqlPushStore::put(xmpp::Jid user, PushRegistration registration, std::size_t limit) {
    return database_.write([jid = user.str(), put = std::move(registration), limit](soci::session& sql) {
        const auto& service = put.service.str();
        int others = 0;
        sql << "SELECT COUNT(*) FROM push_registrations WHERE jid = :jid AND NOT (service = :service AND node = :node)",
            soci::use(jid), soci::use(service), soci::use(put.node), soci::into(others);
        if (static_cast<std::size_t>(others) >= limit) return false;
        const int failures = static_cast<int>(put.failures);
        const auto messages = static_cast<long long>(put.messages);
        sql << "INSERT INTO push_registrations (jid, service, node, form, failures, messages) VALUES (:jid, :service, "
               ":node, :form, :failures, :messages) ON CONFLICT (jid, service, node) DO UPDATE SET form = "
               "excluded.form, failures = excluded.failures, messages = excluded.messages",
            soci::use(jid), soci::use(service), soci::use(put.node), soci::use(put.form), soci::use(failures),
            soci::use(messages);
        return true;
    });
}

awaitable<void> SqlPushStore::erase(xmpp::Jid user, xmpp::Jid service, std::optional<std::string> node) {
    return database_.write([jid = user.str(), service = service.str(), node = std::move(node)](soci::session& sql) {
        if (node) {
            sql << "DELETE FROM push_registrations WHERE jid = :jid AND service = :service AND node = :node",
                soci::use(jid), soci::use(service), soci::use(*node);
        } else {
            sql << "DELETE FROM push_registrations WHERE jid = :jid AND service = :service", soci::use(jid),
                soci::use(service);
        }
    });
}

awaitable<void> SqlPushStore::count(xmpp::Jid user, PushRegistration registration) {
    return database_.write([jid = user.str(), of = std::move(registration)](soci::session& sql) {
        const int failures = static_cast<int>(of.failures);
        const auto messages = static_cast<long long>(of.messages);
        sql << "UPDATE push_registrations SET failures = :failures, messages = :messages WHERE jid = :jid AND service "
               "= :service AND node = :node",
            soci::use(failures), soci::use(messages), soci::use(jid), soci::use(of.service.str()), soci::use(of.node);
    });
}

}  // namespace carillon::storage
