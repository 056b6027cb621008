/// What is kept of a publish-subscribe service, and the changes that a request makes to it.
/// Not here: where it is kept (storage/pubsub_store.h), what it means (model.h).
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/base/clock.h"
#include "signaling/xmpp/jid.h"

namespace carillon::pubsub {

struct NodeRecord {
    std::string name;
    std::string config;  ///< the configuration as a submitted form, a document
    xmpp::Jid creator;
    WallTime created{};
};
struct AffiliationRecord {
    std::string node;
    xmpp::Jid jid;
    int affiliation = 0;  ///< 0: none, that is, to be forgotten
};
struct SubscriptionRecord {
    std::string node;
    xmpp::Jid jid;
    std::string subid;
    int state = 0;
    std::string options;  ///< a document, or empty
};
struct ItemRecord {
    std::string node;
    std::string id;
    xmpp::Jid publisher;
    std::int64_t sequence = 0;  ///< of the service: later is higher
    WallTime published{};
    std::uint64_t octets = 0;  ///< of the payload
};

struct Snapshot {
    std::vector<NodeRecord> nodes;
    std::vector<AffiliationRecord> affiliations;
    std::vector<SubscriptionRecord> subscriptions;
    std::vector<ItemRecord> items;  ///< by sequence, without payloads
};

namespace change {
struct PutNode {
    NodeRecord node;
};
struct DropNode {  ///< with all that is of it
    std::string name;
};
struct PutAffiliation {
    AffiliationRecord affiliation;
};
struct PutSubscription {
    SubscriptionRecord subscription;
};
struct DropSubscription {
    std::string node;
    xmpp::Jid jid;
    std::string subid;
};
struct PutItem {
    ItemRecord item;
    std::string payload;  ///< the <item/>'s child as a document, or empty
};
struct DropItem {
    std::string node;
    std::string id;
};
struct PurgeItems {
    std::string node;
};
}  // namespace change

using Change = std::variant<change::PutNode, change::DropNode, change::PutAffiliation, change::PutSubscription,
                            change::DropSubscription, change::PutItem, change::DropItem, change::PurgeItems>;

}  // namespace carillon::pubsub
