/// Small pieces of text that modules keep for a virtual host, such as its message of the day.
#pragma once
#include <optional>
#include <string>

#include "signaling/storage/storage.h"

namespace carillon::storage {

class HostDataStore {
  public:
    virtual ~HostDataStore() = default;
    virtual awaitable<std::optional<std::string>> get(std::string host, std::string name) = 0;
    virtual awaitable<void> put(std::string host, std::string name, std::string value) = 0;
    virtual awaitable<void> erase(std::string host, std::string name) = 0;
};

/// A storage that has such a store.
class HasHostData {
  public:
    virtual ~HasHostData() = default;
    virtual HostDataStore& host_data() = 0;
};
/// nullptr when that storage has none.
inline HostDataStore* host_data_of(Storage& storage) {
    auto* has = dynamic_cast<HasHostData*>(&storage);
    return has ? &has->host_data() : nullptr;
}

}  // namespace carillon::storage
