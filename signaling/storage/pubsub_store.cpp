#include "signaling/storage/pubsub_store.h"

#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

using namespace pubsub;

std::vector<NodeRecord> nodes_of(soci::session& sql, const std::string& service) {
    std::vector<NodeRecord> found;
    std::string name, config, creator;
    long long created = 0;
    soci::statement select =
        (sql.prepare << "SELECT name, config, creator, created FROM pubsub_nodes "
                        "WHERE service = :service ORDER BY name",
         soci::use(service), soci::into(name), soci::into(config), soci::into(creator), soci::into(created));
    select.execute();
    while (select.fetch())
        found.push_back({name, config, xmpp::Jid::parse(creator).value_or(xmpp::Jid{}), from_milliseconds(created)});
    return found;
}

std::vector<AffiliationRecord> affiliations_of(soci::session& sql, const std::string& service) {
    std::vector<AffiliationRecord> found;
    std::string node, jid;
    int affiliation = 0;
    soci::statement select = (sql.prepare << "SELECT node, jid, affiliation FROM pubsub_affiliations "
                                             "WHERE service = :service ORDER BY node, jid",
                              soci::use(service), soci::into(node), soci::into(jid), soci::into(affiliation));
    select.execute();
    while (select.fetch()) {
        if (const auto parsed = xmpp::Jid::parse(jid)) found.push_back({node, *parsed, affiliation});
    }
    return found;
}

std::vector<SubscriptionRecord> subscriptions_of(soci::session& sql, const std::string& service) {
    std::vector<SubscriptionRecord> found;
    std::string node, jid, subid, options;
    int state = 0;
    soci::statement select = (sql.prepare << "SELECT node, jid, subid, state, options FROM pubsub_subscriptions "
                                             "WHERE service = :service ORDER BY node, jid",
                              soci::use(service), soci::into(node), soci::into(jid), soci::into(subid),
                              soci::into(state), soci::into(options));
    select.execute();
    while (select.fetch()) {
        if (const auto parsed = xmpp::Jid::parse(jid)) found.push_back({node, *parsed, subid, state, options});
    }
    return found;
}

std::vector<ItemRecord> items_of(soci::session& sql, const std::string& service) {
    std::vector<ItemRecord> found;
    std::string node, id, publisher;
    long long sequence = 0, published = 0, octets = 0;
    soci::statement select =
        (sql.prepare << "SELECT node, id, publisher, sequence, published, octets FROM pubsub_items "
                        "WHERE service = :service ORDER BY sequence",
         soci::use(service), soci::into(node), soci::into(id), soci::into(publisher), soci::into(sequence),
         soci::into(published), soci::into(octets));
    select.execute();
    while (select.fetch()) {
        found.push_back({node, id, xmpp::Jid::parse(publisher).value_or(xmpp::Jid{}), sequence,
                         from_milliseconds(published), static_cast<std::uint64_t>(octets)});
    }
    return found;
}

/// Writes one change.
class Writer {
  public:
    Writer(soci::session& sql, const std::string& service) : sql_{sql}, service_{service} {}

    void operator()(const change::PutNode& put) {
        const auto& node = put.node;
        const long long created = to_milliseconds(node.created);
        sql_ << "INSERT INTO pubsub_nodes (service, name, config, creator, created) VALUES (:service, :name, :config, "
                ":creator, :created) ON CONFLICT (service, name) DO UPDATE SET config = excluded.config",
            soci::use(service_), soci::use(node.name), soci::use(node.config), soci::use(node.creator.str()),
            soci::use(created);
    }
    void operator()(const change::DropNode& drop) {
        sql_ << "DELETE FROM pubsub_nodes WHERE service = :service AND name = :name", soci::use(service_),
            soci::use(drop.name);
        sql_ << "DELETE FROM pubsub_affiliations WHERE service = :service AND node = :name", soci::use(service_),
            soci::use(drop.name);
        sql_ << "DELETE FROM pubsub_subscriptions WHERE service = :service AND node = :name", soci::use(service_),
            soci::use(drop.name);
        (*this)(change::PurgeItems{drop.name});
    }
    void operator()(const change::PutAffiliation& put) {
        const auto& one = put.affiliation;
        if (one.affiliation == 0) {
            sql_ << "DELETE FROM pubsub_affiliations WHERE service = :service AND node = :node AND jid = :jid",
                soci::use(service_), soci::use(one.node), soci::use(one.jid.str());
            return;
        }
        sql_ << "INSERT INTO pubsub_affiliations (service, node, jid, affiliation) VALUES (:service, :node, :jid, "
                ":affiliation) ON CONFLICT (service, node, jid) DO UPDATE SET affiliation = excluded.affiliation",
            soci::use(service_), soci::use(one.node), soci::use(one.jid.str()), soci::use(one.affiliation);
    }
    void operator()(const change::PutSubscription& put) {
        const auto& one = put.subscription;
        sql_ << "INSERT INTO pubsub_subscriptions (service, node, jid, subid, state, options) VALUES (:service, :node, "
                ":jid, :subid, :state, :options) ON CONFLICT (service, node, jid, subid) DO UPDATE SET state = "
                "excluded.state, options = excluded.options",
            soci::use(service_), soci::use(one.node), soci::use(one.jid.str()), soci::use(one.subid),
            soci::use(one.state), soci::use(one.options);
    }
    void operator()(const change::DropSubscription& drop) {
        sql_ << "DELETE FROM pubsub_subscriptions WHERE service = :service AND node = :node AND jid = :jid AND subid "
                "= :subid",
            soci::use(service_), soci::use(drop.node), soci::use(drop.jid.str()), soci::use(drop.subid);
    }
    void operator()(const change::PutItem& put) {
        const auto& item = put.item;
        const long long sequence = item.sequence;
        const long long published = to_milliseconds(item.published);
        const auto octets = static_cast<long long>(item.octets);
        sql_ << "INSERT INTO pubsub_items (service, node, id, publisher, sequence, published, octets, payload) VALUES "
                "(:service, :node, :id, :publisher, :sequence, :published, :octets, :payload) ON CONFLICT (service, "
                "node, id) DO UPDATE SET publisher = excluded.publisher, sequence = excluded.sequence, published = "
                "excluded.published, octets = excluded.octets, payload = excluded.payload",
            soci::use(service_), soci::use(item.node), soci::use(item.id), soci::use(item.publisher.str()),
            soci::use(sequence), soci::use(published), soci::use(octets), soci::use(put.payload);
    }
    void operator()(const change::DropItem& drop) {
        sql_ << "DELETE FROM pubsub_items WHERE service = :service AND node = :node AND id = :id", soci::use(service_),
            soci::use(drop.node), soci::use(drop.id);
    }
    void operator()(const change::PurgeItems& purge) {
        sql_ << "DELETE FROM pubsub_items WHERE service = :service AND node = :node", soci::use(service_),
            soci::use(purge.node);
    }

  private:
    soci::session& sql_;
    const std::string& service_;
};

}  // namespace

awaitable<Snapshot> SqlPubsubStore::load(xmpp::Jid service) {
    return database_.read([jid = service.str()](soci::session& sql) {
        Snapshot found;
        found.nodes = nodes_of(sql, jid);
        if (found.nodes.empty()) return found;
        found.affiliations = affiliations_of(sql, jid);
        found.subscriptions = subscriptions_of(sql, jid);
        found.items = items_of(sql, jid);
        return found;
    });
}

awaitable<void> SqlPubsubStore::apply(xmpp::Jid service, std::vector<Change> changes) {
    return database_.write([jid = service.str(), changes = std::move(changes)](soci::session& sql) {
        Writer write{sql, jid};
        for (const auto& change : changes) std::visit(write, change);
    });
}

awaitable<std::vector<std::optional<std::string>>> SqlPubsubStore::payloads(xmpp::Jid service, std::string node,
                                                                            std::vector<std::string> ids) {
    return database_.read([jid = service.str(), node = std::move(node), ids = std::move(ids)](soci::session& sql) {
        std::vector<std::optional<std::string>> found;
        std::string id, payload;
        soci::statement select = (sql.prepare << "SELECT payload FROM pubsub_items WHERE service = :service AND node = "
                                                 ":node AND id = :id",
                                  soci::use(jid), soci::use(node), soci::use(id), soci::into(payload));
        for (const auto& each : ids) {
            id = each;
            found.push_back(select.execute(true) ? std::optional{payload} : std::nullopt);
        }
        return found;
    });
}

void erase_pubsub(soci::session& sql, const std::string& owner) {
    for (const auto* table : {"pubsub_items", "pubsub_subscriptions", "pubsub_affiliations", "pubsub_nodes"})
        sql << "DELETE FROM " + std::string{table} + " WHERE service = :owner", soci::use(owner);
}

}  // namespace carillon::storage
