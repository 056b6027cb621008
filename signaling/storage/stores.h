/// The stores over one Database. Internal to signaling/storage.
#pragma once
#include "signaling/storage/database.h"
#include "signaling/storage/storage.h"

namespace carillon::storage {

class SqlUserStore final : public UserStore {
  public:
    explicit SqlUserStore(Database& database) : database_{database} {}
    awaitable<bool> exists(xmpp::Jid bare) override;
    awaitable<bool> create(xmpp::Jid bare, std::vector<ScramKeys> keys) override;
    awaitable<bool> set_keys(xmpp::Jid bare, std::vector<ScramKeys> keys) override;
    awaitable<std::optional<ScramKeys>> keys(xmpp::Jid bare, std::string mechanism) override;
    awaitable<bool> remove(xmpp::Jid bare) override;
    awaitable<std::vector<xmpp::Jid>> list(std::string domain) override;

  private:
    Database& database_;
};

class SqlRosterStore final : public RosterStore {
  public:
    explicit SqlRosterStore(Database& database) : database_{database} {}
    awaitable<session::Roster> load(xmpp::Jid user) override;
    awaitable<void> put(xmpp::Jid user, session::RosterItem item, std::uint64_t version) override;
    awaitable<void> remove(xmpp::Jid user, xmpp::Jid contact, std::uint64_t version) override;
    awaitable<void> block(xmpp::Jid user, std::vector<xmpp::Jid> entries) override;
    awaitable<void> unblock(xmpp::Jid user, std::vector<xmpp::Jid> entries) override;

  private:
    Database& database_;
};

class SqlOfflineStore final : public OfflineStore {
  public:
    explicit SqlOfflineStore(Database& database) : database_{database} {}
    awaitable<bool> push(xmpp::Jid user, xml::Element stanza, WallTime at, std::size_t limit) override;
    awaitable<std::vector<OfflineMessage>> load(xmpp::Jid user) override;
    awaitable<void> erase_up_to(xmpp::Jid user, std::int64_t id) override;

  private:
    Database& database_;
};

class SqlCallStore final : public CallStore {
  public:
    explicit SqlCallStore(Database& database) : database_{database} {}
    awaitable<void> put(CallRecord record) override;
    awaitable<std::optional<CallRecord>> get(std::string id) override;
    awaitable<std::vector<CallRecord>> list(xmpp::Jid user, std::size_t limit) override;

  private:
    Database& database_;
};

std::int64_t to_milliseconds(WallTime time);
WallTime from_milliseconds(std::int64_t milliseconds);

}  // namespace carillon::storage
