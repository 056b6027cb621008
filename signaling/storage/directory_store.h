/// Users who let others find them, by what their vCards say.
/// Spec: XEP-0055 1.3 §3 (fields).
/// Not here: who is in it and who may search (modules/search).
#pragma once
#include <string>
#include <vector>

#include "signaling/storage/storage.h"

namespace carillon::storage {

struct DirectoryEntry {
    xmpp::Jid user;
    std::string first;
    std::string last;
    std::string nick;
    std::string name;  ///< as a whole
    std::string email;
    friend bool operator==(const DirectoryEntry&, const DirectoryEntry&) = default;
};

/// Parts of what is looked for, upper and lower case alike; empty: anything.
struct DirectoryQuery {
    std::string domain;
    std::string anywhere;  ///< in any field
    std::string user;      ///< in the part before the @
    std::string first;
    std::string last;
    std::string nick;
    std::string email;
    std::size_t limit = 50;
};

class DirectoryStore {
  public:
    virtual ~DirectoryStore() = default;
    /// False: there is no such user.
    virtual awaitable<bool> put(DirectoryEntry entry) = 0;
    virtual awaitable<void> erase(xmpp::Jid user) = 0;
    virtual awaitable<bool> contains(xmpp::Jid user) = 0;
    virtual awaitable<std::vector<DirectoryEntry>> find(DirectoryQuery query) = 0;  ///< by address
};

/// A storage that has such a store.
class HasDirectory {
  public:
    virtual ~HasDirectory() = default;
    virtual DirectoryStore& directory() = 0;
};
/// nullptr when that storage has none.
inline DirectoryStore* directory_of(Storage& storage) {
    auto* has = dynamic_cast<HasDirectory*>(&storage);
    return has ? &has->directory() : nullptr;
}

}  // namespace carillon::storage
