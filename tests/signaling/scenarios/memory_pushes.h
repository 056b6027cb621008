/// Push registrations in memory for scenarios.
#pragma once
#include <algorithm>
#include <map>
#include <mutex>

#include "signaling/storage/push_store.h"

namespace carillon::scenarios {

using storage::awaitable;

/// Threading: any thread.
class MemoryPushes final : public storage::PushStore {
  public:
    awaitable<std::vector<storage::PushRegistration>> load(xmpp::Jid user) override {
        const std::lock_guard lock{mutex_};
        co_return all_[user];
    }
    awaitable<bool> put(xmpp::Jid user, storage::PushRegistration registration, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        auto& list = all_[user];
        std::erase_if(list, [&](const auto& each) { return same(each, registration); });
        if (list.size() >= limit) co_return false;
        list.push_back(std::move(registration));
        co_return true;
    }
    awaitable<void> erase(xmpp::Jid user, xmpp::Jid service, std::optional<std::string> node) override {
        const std::lock_guard lock{mutex_};
        std::erase_if(all_[user],
                      [&](const auto& each) { return each.service == service && (!node || each.node == *node); });
        co_return;
    }
    awaitable<void> count(xmpp::Jid user, storage::PushRegistration registration) override {
        const std::lock_guard lock{mutex_};
        for (auto& each : all_[user]) {
            if (same(each, registration)) each = registration;
        }
        co_return;
    }

  private:
    static bool same(const storage::PushRegistration& a, const storage::PushRegistration& b) {
        return a.service == b.service && a.node == b.node;
    }

    std::mutex mutex_;
    std::map<xmpp::Jid, std::vector<storage::PushRegistration>> all_;
};

}  // namespace carillon::scenarios
