/// The stores over one Database. Internal to signaling/storage.
#pragma once
#include <mutex>
#include <unordered_set>

#include "signaling/storage/archive_store.h"
#include "signaling/storage/database.h"
#include "signaling/storage/pubsub_store.h"
#include "signaling/storage/push_store.h"
#include "signaling/storage/room_store.h"
#include "signaling/storage/storage.h"
#include "signaling/storage/token_store.h"
#include "signaling/storage/upload_store.h"

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

class SqlUserDataStore final : public UserDataStore {
  public:
    explicit SqlUserDataStore(Database& database);
    awaitable<std::optional<std::string>> get(xmpp::Jid user, std::string space, std::string name) override;
    awaitable<bool> put(xmpp::Jid user, std::string space, std::string name, std::string value, Bounds bounds) override;
    awaitable<void> erase(xmpp::Jid user, std::string space, std::string name) override;
    awaitable<void> put_for_many(std::string space, std::string name,
                                 std::vector<std::pair<xmpp::Jid, std::string>> values) override;

  private:
    bool is_nobodys(const std::string& jid, std::string_view space, std::string_view name);
    void note(const std::string& jid, std::string_view space, std::string_view name);

    Database& database_;
    // Whether an account is disabled is asked at every log-in, and hardly ever so: who may be is kept at hand. This
    // process alone writes the database.
    std::mutex mutex_;
    std::unordered_set<std::string> disabled_;
};

class SqlInviteStore final : public InviteStore {
  public:
    explicit SqlInviteStore(Database& database) : database_{database} {}
    awaitable<bool> add(Invite invite, std::size_t limit) override;
    awaitable<std::optional<Invite>> find(std::string token) override;
    awaitable<bool> use(std::string token) override;
    awaitable<bool> remove(std::string token) override;
    awaitable<std::vector<Invite>> list(std::string host, WallTime now) override;
    awaitable<bool> keeps(std::string host, std::string account, WallTime now) override;

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

class SqlArchiveStore final : public ArchiveStore {
  public:
    explicit SqlArchiveStore(Database& database);
    ~SqlArchiveStore() override;
    ArchiveId make_id(WallTime now) override;
    bool append(ArchiveEntry entry) override;
    awaitable<ArchivePage> query(ArchiveQuery query) override;
    awaitable<std::optional<ArchiveEnds>> ends(xmpp::Jid owner) override;
    awaitable<std::vector<xmpp::Jid>> owners(std::string domain, xmpp::Jid last, std::size_t limit) override;
    awaitable<std::size_t> expire(xmpp::Jid owner, WallTime until, std::size_t keep, std::size_t limit) override;
    awaitable<WallTime> oldest_within(xmpp::Jid owner, std::uint64_t octets) override;
    awaitable<bool> replace(xmpp::Jid owner, ArchiveId id, std::string stanza) override;
    awaitable<std::map<xmpp::Jid, ArchivePreferences>> preferences(std::string domain) override;
    awaitable<void> set_preferences(xmpp::Jid owner, ArchivePreferences preferences) override;

  private:
    awaitable<void> settle();

    Database& database_;
    std::shared_ptr<class ArchiveQueue> queue_;
    std::shared_ptr<class ArchiveBackfill> backfill_;
    std::atomic<std::int64_t> last_time_{0};  // of the last id made
};
class SqlPushStore final : public PushStore {
  public:
    explicit SqlPushStore(Database& database) : database_{database} {}
    awaitable<std::vector<PushRegistration>> load(xmpp::Jid user) override;
    awaitable<bool> put(xmpp::Jid user, PushRegistration registration, std::size_t limit) override;
    awaitable<void> erase(xmpp::Jid user, xmpp::Jid service, std::optional<std::string> node) override;
    awaitable<void> count(xmpp::Jid user, PushRegistration registration) override;

  private:
    Database& database_;
};

class SqlTokenStore final : public TokenStore {
  public:
    explicit SqlTokenStore(Database& database) : database_{database} {}
    awaitable<std::vector<StoredToken>> load(xmpp::Jid user, std::string client) override;
    awaitable<void> put(xmpp::Jid user, std::string client, StoredToken token, std::size_t limit) override;
    awaitable<void> promote(xmpp::Jid user, std::string client) override;
    awaitable<void> erase(xmpp::Jid user, std::string client) override;

  private:
    Database& database_;
};

class SqlRoomStore final : public RoomStore {
  public:
    explicit SqlRoomStore(Database& database) : database_{database} {}
    awaitable<std::vector<StoredRoom>> load(std::string domain, xmpp::Jid last, std::size_t limit) override;
    awaitable<void> put(StoredRoom room) override;
    awaitable<void> put_vcard(xmpp::Jid room, std::string vcard) override;
    awaitable<void> put_affiliations(xmpp::Jid room, std::vector<StoredAffiliation> changed) override;
    awaitable<void> erase(xmpp::Jid room) override;

  private:
    Database& database_;
};

class SqlPubsubStore final : public PubsubStore {
  public:
    explicit SqlPubsubStore(Database& database) : database_{database} {}
    awaitable<pubsub::Snapshot> load(xmpp::Jid service) override;
    awaitable<void> apply(xmpp::Jid service, std::vector<pubsub::Change> changes) override;
    awaitable<std::vector<std::optional<std::string>>> payloads(xmpp::Jid service, std::string node,
                                                                std::vector<std::string> ids) override;

  private:
    Database& database_;
};

class SqlUploadStore final : public UploadStore {
  public:
    explicit SqlUploadStore(Database& database) : database_{database} {}
    awaitable<UploadReservation> reserve(Upload upload, UploadLimits limits) override;
    awaitable<std::optional<Upload>> find(std::string id) override;
    awaitable<bool> complete(std::string id, std::string hash, WallTime now, std::function<void()> publish) override;
    awaitable<void> set_thumbnail(std::string hash, ThumbnailSize size) override;
    awaitable<std::size_t> collect(WallTime now, std::size_t limit,
                                   std::function<void(const std::string& hash)> remove) override;
    awaitable<void> expire(std::string id) override;
    awaitable<std::uint64_t> used(std::string owner, WallTime now) override;
    awaitable<std::size_t> remove_unknown(std::vector<std::string> hashes,
                                          std::function<void(const std::string& hash)> remove) override;

  private:
    Database& database_;
};

/// Removes all that an owner has published. For the transaction that removes the user.
void erase_pubsub(soci::session& sql, const std::string& owner);
/// Lets an owner's files go at the next collection, and those that the server keeps for it (OWNER/voicemail). For the
/// transaction that removes the user.
void expire_uploads(soci::session& sql, const std::string& owner);
/// Removes all that an owner has in the archive. For the transaction that removes the user.
void erase_archive(soci::session& sql, const std::string& owner);

std::int64_t to_milliseconds(WallTime time);
WallTime from_milliseconds(std::int64_t milliseconds);

}  // namespace carillon::storage
