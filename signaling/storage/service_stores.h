/// SQL implementations of the stores of services: settings of hosts, the user directory.
/// Internal to signaling/storage.
#pragma once
#include "signaling/storage/call_quality_store.h"
#include "signaling/storage/database.h"
#include "signaling/storage/directory_store.h"
#include "signaling/storage/host_data_store.h"

namespace carillon::storage {

class SqlHostDataStore final : public HostDataStore {
  public:
    explicit SqlHostDataStore(Database& database) : database_{database} {}
    awaitable<std::optional<std::string>> get(std::string host, std::string name) override;
    awaitable<void> put(std::string host, std::string name, std::string value) override;
    awaitable<void> erase(std::string host, std::string name) override;

  private:
    Database& database_;
};

class SqlCallQualityStore final : public CallQualityStore {
  public:
    explicit SqlCallQualityStore(Database& database) : database_{database} {}
    awaitable<void> put(CallQuality quality) override;
    awaitable<std::optional<CallQuality>> get(std::string id) override;

  private:
    Database& database_;
};

class SqlDirectoryStore final : public DirectoryStore {
  public:
    explicit SqlDirectoryStore(Database& database) : database_{database} {}
    awaitable<bool> put(DirectoryEntry entry) override;
    awaitable<void> erase(xmpp::Jid user) override;
    awaitable<bool> contains(xmpp::Jid user) override;
    awaitable<std::vector<DirectoryEntry>> find(DirectoryQuery query) override;

  private:
    Database& database_;
};

}  // namespace carillon::storage
