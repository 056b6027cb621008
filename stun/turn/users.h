/// What one user may take of the server: allocations, and octets a second.
/// Spec: RFC 8656 §7.2 step on quotas (486), §7.2 last paragraph (bandwidth is the server's business).
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/base/clock.h"

namespace carillon::stun::turn {

/// Threading: any; a user's allocations may live on several shards.
class User {
  public:
    explicit User(std::uint64_t octets_per_second) : rate_{octets_per_second} {}
    /// Whether so many octets may pass now; a second's worth may come at once.
    bool spend(std::size_t octets, SteadyTime now) {
        if (rate_ == 0) return true;
        const auto at = now.time_since_epoch().count();
        auto last = filled_.load(std::memory_order_relaxed);
        const auto most = static_cast<std::int64_t>(rate_);
        if (at - last > kRefill && filled_.compare_exchange_strong(last, at, std::memory_order_relaxed)) {
            const double passed = std::min(1.0, static_cast<double>(at - last) / 1e9);
            const auto more = static_cast<std::int64_t>(passed * static_cast<double>(rate_));
            const auto held = left_.load(std::memory_order_relaxed);
            left_.fetch_add(std::min(more, most - held), std::memory_order_relaxed);
        }
        if (left_.load(std::memory_order_relaxed) < static_cast<std::int64_t>(octets)) return false;
        left_.fetch_sub(static_cast<std::int64_t>(octets), std::memory_order_relaxed);
        return true;
    }

  private:
    friend class Users;
    static constexpr std::int64_t kRefill = 5'000'000;  // ns
    std::uint64_t rate_;
    std::atomic<std::int64_t> left_{0};
    std::atomic<std::int64_t> filled_{0};
    std::size_t allocations_ = 0;  // under the table's lock
};

/// Threading: any; locks, so not on the packet path.
class Users {
  public:
    Users(std::size_t allocations_each, std::uint64_t octets_per_second_each)
        : most_{allocations_each}, rate_{octets_per_second_each} {}

    /// A share that an allocation holds for its life; nullptr when the user has as many as allowed.
    std::shared_ptr<User> take(const std::string& name) {
        const std::lock_guard lock{mutex_};
        auto& user = users_[name];
        if (!user) user = std::make_unique<User>(rate_);
        if (user->allocations_ >= most_) return nullptr;
        ++user->allocations_;
        return {user.get(), [this, name](User*) { give_back(name); }};
    }
    std::size_t size() const {
        const std::lock_guard lock{mutex_};
        return users_.size();
    }

  private:
    void give_back(const std::string& name) {
        const std::lock_guard lock{mutex_};
        const auto found = users_.find(name);
        if (--found->second->allocations_ == 0) users_.erase(found);
    }
    mutable std::mutex mutex_;
    std::size_t most_;
    std::uint64_t rate_;
    std::map<std::string, std::unique_ptr<User>> users_;
};

}  // namespace carillon::stun::turn
