/// What is kept of publish-subscribe services: those of accounts (PEP) and those of domains, by their JIDs.
/// Not here: what it means (signaling/pubsub).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "signaling/pubsub/records.h"
#include "signaling/storage/storage.h"

namespace carillon::storage {

using boost::asio::awaitable;

class PubsubStore {
  public:
    virtual ~PubsubStore() = default;
    virtual awaitable<pubsub::Snapshot> load(xmpp::Jid service) = 0;
    /// All or nothing, in order.
    virtual awaitable<void> apply(xmpp::Jid service, std::vector<pubsub::Change> changes) = 0;
    /// In the order of `ids`; nothing for those that are not there.
    virtual awaitable<std::vector<std::optional<std::string>>> payloads(xmpp::Jid service, std::string node,
                                                                        std::vector<std::string> ids) = 0;
};

/// A storage that has such a store.
class HasPubsub {
  public:
    virtual ~HasPubsub() = default;
    virtual PubsubStore& pubsub() = 0;
};
/// Throws StorageError when that storage has none.
inline PubsubStore& pubsub_of(Storage& storage) {
    auto* has = dynamic_cast<HasPubsub*>(&storage);
    if (!has) throw StorageError{"there is no place for publish-subscribe"};
    return has->pubsub();
}

}  // namespace carillon::storage
