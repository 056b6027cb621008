/// What capabilities mean, once for the whole process: whoever learns it tells, whoever waits for it is called.
/// Spec: XEP-0115 1.6.0 §5.4: only what has been verified stands here.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "signaling/runtime/registration.h"

namespace carillon::session {

/// Threading: any thread.
class KnownCaps {
  public:
    using Features = std::shared_ptr<const std::set<std::string, std::less<>>>;
    using Learned = std::function<void(const std::string& key, const Features& features)>;

    static KnownCaps& of_process() {
        static KnownCaps one;
        return one;
    }

    /// Nothing: not known. `key` is hash and ver.
    Features find(const std::string& key) const {
        const std::lock_guard lock{mutex_};
        const auto at = known_.find(key);
        return at == known_.end() ? nullptr : at->second;
    }
    void learn(const std::string& key, const Features& features) {
        const std::lock_guard lock{mutex_};
        if (known_.insert_or_assign(key, features).second) order_.push_back(key);
        while (order_.size() > kMaxKnown) {
            known_.erase(order_.front());
            order_.pop_front();
        }
        for (const auto& listener : listeners_) listener(key, features);
    }
    /// `call` runs on whatever thread learns, and must only post.
    runtime::Registration listen(Learned call) {
        const std::lock_guard lock{mutex_};
        const auto at = listeners_.insert(listeners_.end(), std::move(call));
        return runtime::Registration{[this, at] {
            const std::lock_guard again{mutex_};
            listeners_.erase(at);
        }};
    }

  private:
    static constexpr std::size_t kMaxKnown = 4000;  // the oldest goes
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Features> known_;
    std::list<std::string> order_;
    std::list<Learned> listeners_;
};

}  // namespace carillon::session
