/// Log-in tokens in memory for scenarios.
#pragma once
#include <algorithm>
#include <map>
#include <mutex>

#include "signaling/storage/token_store.h"

namespace carillon::scenarios {

using storage::awaitable;

/// Threading: any thread.
class MemoryTokens final : public storage::TokenStore {
  public:
    awaitable<std::vector<storage::StoredToken>> load(xmpp::Jid user, std::string client) override {
        const std::lock_guard lock{mutex_};
        co_return all_[user][client];
    }
    awaitable<void> put(xmpp::Jid user, std::string client, storage::StoredToken token, std::size_t) override {
        const std::lock_guard lock{mutex_};
        auto& list = all_[user][client];
        std::erase_if(list, [](const auto& each) { return each.fresh; });
        list.insert(list.begin(), std::move(token));
        co_return;
    }
    awaitable<void> promote(xmpp::Jid user, std::string client) override {
        const std::lock_guard lock{mutex_};
        auto& list = all_[user][client];
        if (list.empty() || !list.front().fresh) co_return;
        list.resize(1);
        list.front().fresh = false;
    }
    awaitable<void> erase(xmpp::Jid user, std::string client) override {
        const std::lock_guard lock{mutex_};
        if (client.empty()) {
            all_.erase(user);
        } else {
            all_[user].erase(client);
        }
        co_return;
    }
    /// All of them are as old as that.
    void age(std::chrono::seconds by) {
        const std::lock_guard lock{mutex_};
        for (auto& [user, clients] : all_) {
            for (auto& [client, list] : clients) {
                for (auto& token : list) token.issued -= by, token.expires -= by;
            }
        }
    }
    void forget(const xmpp::Jid& user) {
        const std::lock_guard lock{mutex_};
        all_.erase(user);
    }

  private:
    std::mutex mutex_;
    std::map<xmpp::Jid, std::map<std::string, std::vector<storage::StoredToken>>> all_;
};

}  // namespace carillon::scenarios
