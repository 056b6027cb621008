/// Storage in memory for scenarios: same interface, no disk. Failures can be asked for.
#pragma once
#include <atomic>
#include <map>
#include <mutex>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/auth/scram.h"
#include "signaling/storage/storage.h"
#include "tests/signaling/scenarios/memory_archive.h"
#include "tests/signaling/scenarios/memory_pubsub.h"
#include "tests/signaling/scenarios/memory_pushes.h"
#include "tests/signaling/scenarios/memory_rooms.h"
#include "tests/signaling/scenarios/memory_tokens.h"

namespace carillon::scenarios {

using storage::awaitable;

/// RosterStore::load and OfflineStore::load differ only in what they answer: each store is an object of its own.
class MemoryRosters final : public storage::RosterStore {
  public:
    awaitable<session::Roster> load(xmpp::Jid user) override {
        const std::lock_guard lock{mutex_};
        co_return rosters_[user];
    }
    awaitable<void> put(xmpp::Jid user, session::RosterItem item, std::uint64_t version) override {
        const std::lock_guard lock{mutex_};
        rosters_[user].version = version;
        auto& kept = rosters_[user].items.add({.jid = item.jid});
        kept = std::move(item);
        co_return;
    }
    awaitable<void> remove(xmpp::Jid user, xmpp::Jid contact, std::uint64_t version) override {
        const std::lock_guard lock{mutex_};
        rosters_[user].version = version;
        rosters_[user].items.erase(contact);
        co_return;
    }
    awaitable<void> block(xmpp::Jid user, std::vector<xmpp::Jid> entries) override {
        const std::lock_guard lock{mutex_};
        for (const auto& entry : entries) rosters_[user].blocked.add(entry);
        co_return;
    }
    awaitable<void> unblock(xmpp::Jid user, std::vector<xmpp::Jid> entries) override {
        const std::lock_guard lock{mutex_};
        for (const auto& entry : entries) rosters_[user].blocked.remove(entry);
        co_return;
    }
    void set(const xmpp::Jid& user, session::RosterItem item) {
        const std::lock_guard lock{mutex_};
        auto& kept = rosters_[user].items.add({.jid = item.jid});
        kept = std::move(item);
    }
    void forget(const xmpp::Jid& user) {
        const std::lock_guard lock{mutex_};
        rosters_.erase(user);
    }
    void set_blocked(const xmpp::Jid& user, const xmpp::Jid& whom) {
        const std::lock_guard lock{mutex_};
        rosters_[user].blocked.add(whom);
    }

  private:
    std::mutex mutex_;
    std::map<xmpp::Jid, session::Roster> rosters_;
};

class MemoryOffline final : public storage::OfflineStore {
  public:
    awaitable<bool> push(xmpp::Jid user, xml::Element stanza, WallTime at, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        auto& box = boxes_[user];
        if (box.size() >= limit) co_return false;
        box.push_back({++last_id_, at, std::move(stanza)});
        co_return true;
    }
    awaitable<std::vector<storage::OfflineMessage>> load(xmpp::Jid user) override {
        ++loads;
        if (load_delay.load().count() > 0) {  // a slow disk
            boost::asio::steady_timer disk{co_await boost::asio::this_coro::executor, load_delay.load()};
            co_await disk.async_wait(boost::asio::use_awaitable);
        }
        const std::lock_guard lock{mutex_};
        co_return boxes_[user];
    }
    awaitable<void> erase_up_to(xmpp::Jid user, std::int64_t id) override {
        const std::lock_guard lock{mutex_};
        if (fail_erases) throw storage::StorageError{"asked to fail"};
        std::erase_if(boxes_[user], [id](const auto& message) { return message.id <= id; });
        co_return;
    }
    std::atomic<bool> fail_erases{false};
    std::atomic<std::chrono::milliseconds> load_delay{};
    std::atomic<unsigned> loads{0};  ///< begun

  private:
    std::mutex mutex_;
    std::map<xmpp::Jid, std::vector<storage::OfflineMessage>> boxes_;
    std::int64_t last_id_ = 0;
};

class MemoryUserData final : public storage::UserDataStore {
  public:
    awaitable<std::optional<std::string>> get(xmpp::Jid user, std::string space, std::string name) override {
        const std::lock_guard lock{mutex_};
        const auto at = values_.find({user, space, name});
        if (at == values_.end()) co_return std::nullopt;
        co_return at->second;
    }
    awaitable<bool> put(xmpp::Jid user, std::string space, std::string name, std::string value,
                        Bounds bounds) override {
        const std::lock_guard lock{mutex_};
        std::size_t entries = 0;
        std::size_t octets = name.size() + value.size();
        for (const auto& [key, held] : values_) {
            if (std::get<0>(key) != user || std::get<1>(key) != space || std::get<2>(key) == name) continue;
            ++entries;
            octets += std::get<2>(key).size() + held.size();
        }
        if (entries >= bounds.entries || octets > bounds.octets) co_return false;
        values_[{user, space, name}] = std::move(value);
        co_return true;
    }
    awaitable<void> erase(xmpp::Jid user, std::string space, std::string name) override {
        const std::lock_guard lock{mutex_};
        values_.erase({user, space, name});
        co_return;
    }
    awaitable<void> put_for_many(std::string space, std::string name,
                                 std::vector<std::pair<xmpp::Jid, std::string>> values) override {
        const std::lock_guard lock{mutex_};
        for (auto& [user, value] : values) values_[{user, space, name}] = std::move(value);
        co_return;
    }
    std::string text(const xmpp::Jid& user, const std::string& space, const std::string& name) {
        const std::lock_guard lock{mutex_};
        const auto at = values_.find({user, space, name});
        return at == values_.end() ? std::string{} : at->second;
    }
    void forget(const xmpp::Jid& user) {
        const std::lock_guard lock{mutex_};
        std::erase_if(values_, [&](const auto& entry) { return std::get<0>(entry.first) == user; });
    }

  private:
    using Key = std::tuple<xmpp::Jid, std::string, std::string>;
    std::mutex mutex_;
    std::map<Key, std::string> values_;
};

class MemoryInvites final : public storage::InviteStore {
  public:
    awaitable<bool> add(storage::Invite invite, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        const auto living = std::ranges::count_if(invites_, [&](const auto& entry) {
            return entry.second.inviter == invite.inviter && entry.second.expires > invite.created;
        });
        if (!invite.inviter.empty() && static_cast<std::size_t>(living) >= limit) co_return false;
        invites_[invite.token] = std::move(invite);
        co_return true;
    }
    awaitable<std::optional<storage::Invite>> find(std::string token) override {
        const std::lock_guard lock{mutex_};
        const auto at = invites_.find(token);
        if (at == invites_.end()) co_return std::nullopt;
        co_return at->second;
    }
    awaitable<bool> use(std::string token) override {
        const std::lock_guard lock{mutex_};
        const auto at = invites_.find(token);
        if (at == invites_.end()) co_return false;
        if (--at->second.uses <= 0) invites_.erase(at);
        co_return true;
    }
    awaitable<bool> remove(std::string token) override {
        const std::lock_guard lock{mutex_};
        co_return invites_.erase(token) > 0;
    }
    awaitable<std::vector<storage::Invite>> list(std::string, WallTime) override {
        const std::lock_guard lock{mutex_};
        std::vector<storage::Invite> all;
        for (const auto& [token, invite] : invites_) all.push_back(invite);
        co_return all;
    }
    awaitable<bool> keeps(std::string host, std::string account, WallTime now) override {
        const std::lock_guard lock{mutex_};
        co_return std::ranges::any_of(invites_, [&](const auto& entry) {
            return entry.second.host == host && entry.second.account == account && entry.second.expires > now;
        });
    }
    void set(storage::Invite invite) {
        const std::lock_guard lock{mutex_};
        invites_[invite.token] = std::move(invite);
    }
    std::size_t size() {
        const std::lock_guard lock{mutex_};
        return invites_.size();
    }

  private:
    std::mutex mutex_;
    std::map<std::string, storage::Invite> invites_;
};

/// Threading: any thread.
class MemoryStorage final : public storage::Storage, public storage::HasPubsub, storage::UserStore, storage::CallStore {
  public:
    void add_user(const std::string& jid, const std::string& password) {
        std::vector<storage::ScramKeys> keys;
        for (const auto* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
            keys.push_back(auth::make_scram_keys(password, mechanism, 16).value());
        }
        const std::lock_guard lock{mutex_};
        users_[xmpp::Jid::parse(jid).value()] = std::move(keys);
    }
    /// What stands in a roster before anybody connects.
    void set_contact(const xmpp::Jid& user, session::RosterItem item) { rosters_.set(user, std::move(item)); }
    void block(const std::string& user, const std::string& whom) {
        rosters_.set_blocked(xmpp::Jid::parse(user).value(), xmpp::Jid::parse(whom).value());
    }
    /// What a module keeps for a user; empty when there is none.
    std::string user_text(const std::string& user, const std::string& space, const std::string& name) {
        return user_data_.text(xmpp::Jid::parse(user).value(), space, name);
    }
    std::atomic<bool> fail_loads{false};

    storage::UserStore& users() override { return *this; }
    storage::RosterStore& rosters() override { return rosters_; }
    MemoryOffline& offline() override { return offline_; }
    storage::UserDataStore& user_data() override { return user_data_; }
    MemoryInvites& invites() override { return invites_; }
    storage::CallStore& calls() override { return *this; }
    MemoryArchive& archive() override { return archive_; }
    MemoryPushes& pushes() override { return pushes_; }
    MemoryTokens& tokens() override { return tokens_; }
    MemoryRooms& rooms() override { return rooms_; }
    MemoryPubsub& pubsub() override { return pubsub_; }

  private:
    awaitable<bool> exists(xmpp::Jid bare) override {
        const std::lock_guard lock{mutex_};
        if (fail_loads) throw storage::StorageError{"asked to fail"};
        co_return users_.contains(bare);
    }
    awaitable<bool> create(xmpp::Jid bare, std::vector<storage::ScramKeys> keys) override {
        const std::lock_guard lock{mutex_};
        co_return users_.try_emplace(bare, std::move(keys)).second;
    }
    awaitable<bool> set_keys(xmpp::Jid bare, std::vector<storage::ScramKeys> keys) override {
        const std::lock_guard lock{mutex_};
        const auto at = users_.find(bare);
        if (at == users_.end()) co_return false;
        at->second = std::move(keys);
        tokens_.forget(bare);
        co_return true;
    }
    awaitable<std::optional<storage::ScramKeys>> keys(xmpp::Jid bare, std::string mechanism) override {
        const std::lock_guard lock{mutex_};
        const auto at = users_.find(bare);
        if (at == users_.end()) co_return std::nullopt;
        for (const auto& key : at->second) {
            if (key.mechanism == mechanism) co_return key;
        }
        co_return std::nullopt;
    }
    awaitable<bool> remove(xmpp::Jid bare) override {
        const std::lock_guard lock{mutex_};
        user_data_.forget(bare);
        rosters_.forget(bare);
        co_return users_.erase(bare) > 0;
    }
    awaitable<std::vector<xmpp::Jid>> list(std::string domain) override {
        const std::lock_guard lock{mutex_};
        std::vector<xmpp::Jid> found;
        for (const auto& [jid, keys] : users_) {
            if (jid.domain() == domain) found.push_back(jid);
        }
        co_return found;
    }

    awaitable<void> put(storage::CallRecord record) override {
        const std::lock_guard lock{mutex_};
        calls_[record.id] = std::move(record);
        co_return;
    }
    awaitable<std::optional<storage::CallRecord>> get(std::string id) override {
        const std::lock_guard lock{mutex_};
        const auto at = calls_.find(id);
        if (at == calls_.end()) co_return std::nullopt;
        co_return at->second;
    }
    awaitable<std::vector<storage::CallRecord>> list(xmpp::Jid, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        std::vector<storage::CallRecord> found;
        for (const auto& [id, record] : calls_) {
            if (found.size() < limit) found.push_back(record);
        }
        co_return found;
    }

    std::mutex mutex_;
    std::map<xmpp::Jid, std::vector<storage::ScramKeys>> users_;
    std::map<std::string, storage::CallRecord> calls_;
    MemoryRosters rosters_;
    MemoryOffline offline_;
    MemoryArchive archive_;
    MemoryPushes pushes_;
    MemoryTokens tokens_;
    MemoryRooms rooms_;
    MemoryPubsub pubsub_;
    MemoryUserData user_data_;
    MemoryInvites invites_;
};

}  // namespace carillon::scenarios
