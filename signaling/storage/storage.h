/// What signaling keeps on disk, as the rest of the house sees it. SQL and SOCI stay behind it.
/// Every call runs on the blocking pool and resumes on the caller's executor; failures throw StorageError, which the
/// caller's flow turns into internal-server-error.
/// Not here: hot data (presence, sessions), which lives in memory.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "signaling/session/roster.h"
#include "signaling/storage/scram_keys.h"
#include "signaling/xml/element.h"
#include "signaling/xmpp/jid.h"

namespace carillon::storage {

using boost::asio::awaitable;

struct StorageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class UserStore {
  public:
    virtual ~UserStore() = default;
    virtual awaitable<bool> exists(xmpp::Jid bare) = 0;
    /// False when the user exists already.
    virtual awaitable<bool> create(xmpp::Jid bare, std::vector<ScramKeys> keys) = 0;
    /// False when there is no such user.
    virtual awaitable<bool> set_keys(xmpp::Jid bare, std::vector<ScramKeys> keys) = 0;
    virtual awaitable<std::optional<ScramKeys>> keys(xmpp::Jid bare, std::string mechanism) = 0;
    /// Removes the user and all that is theirs (roster, offline messages). False when there is no such user.
    virtual awaitable<bool> remove(xmpp::Jid bare) = 0;
    virtual awaitable<std::vector<xmpp::Jid>> list(std::string domain) = 0;  ///< sorted
};

class RosterStore {
  public:
    virtual ~RosterStore() = default;
    virtual awaitable<session::Roster> load(xmpp::Jid user) = 0;  ///< with the block list
    /// Writes item and roster version in one transaction.
    virtual awaitable<void> put(xmpp::Jid user, session::RosterItem item, std::uint64_t version) = 0;
    virtual awaitable<void> remove(xmpp::Jid user, xmpp::Jid contact, std::uint64_t version) = 0;
    virtual awaitable<void> block(xmpp::Jid user, std::vector<xmpp::Jid> entries) = 0;
    virtual awaitable<void> unblock(xmpp::Jid user, std::vector<xmpp::Jid> entries) = 0;
};

struct OfflineMessage {
    std::int64_t id = 0;
    WallTime stored{};
    xml::Element stanza;
};

class OfflineStore {
  public:
    virtual ~OfflineStore() = default;
    /// False when the user has `limit` messages stored already.
    virtual awaitable<bool> push(xmpp::Jid user, xml::Element stanza, WallTime at, std::size_t limit) = 0;
    virtual awaitable<std::vector<OfflineMessage>> load(xmpp::Jid user) = 0;  ///< oldest first
    virtual awaitable<void> erase_up_to(xmpp::Jid user, std::int64_t id) = 0;
};

/// A link that lets whoever has it become a contact of the inviter's, a user of this server, or both.
struct Invite {
    std::string token;
    std::string host;        ///< virtual host
    std::string account;     ///< the name that is kept for whoever registers; empty: any
    xmpp::Jid inviter;       ///< becomes their contact; empty: nobody
    bool registers = false;  ///< may be used to register
    WallTime created{};
    WallTime expires{};
    int uses = 1;  ///< left

    friend bool operator==(const Invite&, const Invite&) = default;
};

class InviteStore {
  public:
    virtual ~InviteStore() = default;
    /// False when the inviter has `limit` living invites already. Forgets those that expired more than a day ago.
    virtual awaitable<bool> add(Invite invite, std::size_t limit) = 0;
    virtual awaitable<std::optional<Invite>> find(std::string token) = 0;  ///< expired or not
    /// Takes one use; the last one takes the invite. False when it is gone.
    virtual awaitable<bool> use(std::string token) = 0;
    virtual awaitable<bool> remove(std::string token) = 0;
    virtual awaitable<std::vector<Invite>> list(std::string host, WallTime now) = 0;  ///< living ones, oldest first
    /// Whether a living invite keeps that name.
    virtual awaitable<bool> keeps(std::string host, std::string account, WallTime now) = 0;
};

/// Small pieces of text that a module keeps for a user: gone with the user, without anybody's doing.
/// `space` names the module's drawer, `name` what lies in it.
class UserDataStore {
  public:
    struct Bounds {
        std::size_t entries = 1;  ///< in one user's drawer
        std::size_t octets = 0;   ///< of all their names and values
    };
    virtual ~UserDataStore() = default;
    virtual awaitable<std::optional<std::string>> get(xmpp::Jid user, std::string space, std::string name) = 0;
    /// False when the drawer would hold more than it may: nothing has changed then.
    virtual awaitable<bool> put(xmpp::Jid user, std::string space, std::string name, std::string value,
                                Bounds bounds) = 0;
    virtual awaitable<void> erase(xmpp::Jid user, std::string space, std::string name) = 0;
    /// One entry of many users' in one transaction; users who are gone are passed over.
    virtual awaitable<void> put_for_many(std::string space, std::string name,
                                         std::vector<std::pair<xmpp::Jid, std::string>> values) = 0;
};

/// One finished or running call (mission: who, when, path, codec, bytes, loss, jitter, why it ended).
struct CallRecord {
    std::string id;
    std::string host;  ///< virtual host
    xmpp::Jid caller;
    xmpp::Jid callee;
    WallTime started{};
    std::optional<WallTime> answered;
    std::optional<WallTime> ended;
    std::string path;    ///< direct, forward, ...
    std::string codecs;  ///< e.g. "opus/48000/2, VP8/90000"
    std::string reason;  ///< why it ended: a Jingle reason or one of ours (timeout, media-timeout, relay-lost ...)
    std::uint64_t bytes_to_callee = 0;
    std::uint64_t bytes_to_caller = 0;
    std::uint64_t packets_to_callee = 0;
    std::uint64_t packets_to_caller = 0;
    double loss_to_callee = 0;  ///< 0..1
    double loss_to_caller = 0;
    double jitter_to_callee_ms = 0;
    double jitter_to_caller_ms = 0;
};

class CallStore {
  public:
    virtual ~CallStore() = default;
    virtual awaitable<void> put(CallRecord record) = 0;  ///< inserts or replaces by id
    virtual awaitable<std::optional<CallRecord>> get(std::string id) = 0;
    /// Newest first; `user` empty: everybody's.
    virtual awaitable<std::vector<CallRecord>> list(xmpp::Jid user, std::size_t limit) = 0;
};

class ArchiveStore;  // archive_store.h
class PushStore;     // push_store.h
class TokenStore;    // token_store.h
class RoomStore;     // room_store.h

/// Threading: any thread; the stores hand the work to the blocking pool.
class Storage {
  public:
    virtual ~Storage() = default;
    virtual UserStore& users() = 0;
    virtual RosterStore& rosters() = 0;
    virtual OfflineStore& offline() = 0;
    virtual UserDataStore& user_data() = 0;
    virtual InviteStore& invites() = 0;
    virtual CallStore& calls() = 0;
    virtual ArchiveStore& archive() { throw StorageError{"there is no archive"}; }
    virtual TokenStore& tokens() { throw StorageError{"there is no place for log-in tokens"}; }
    virtual RoomStore& rooms() { throw StorageError{"there is no place for rooms"}; }
    virtual PushStore& pushes() { throw StorageError{"there is no place for push registrations"}; }
};

}  // namespace carillon::storage
