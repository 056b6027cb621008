/// Slows guessing down: failed log-ins are counted by account and by address, and beyond a limit nobody's password is
/// looked at until some time has passed. Whoever has logged in to an account from an address before is not kept out by
/// what others do.
/// Not here: the attempts of one connection (stream/).
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/base/clock.h"

namespace carillon::auth {

struct ThrottleLimits {
    unsigned per_account = 30;
    unsigned per_address = 100;        ///< IPv6: of one /64
    std::chrono::seconds window{600};  ///< in which these may fail
    std::size_t remembered = 20'000;   ///< accounts, addresses and pairs of both; beyond, the oldest are forgotten
};

/// Threading: any thread; one for the process, so that guesses are not spread over shards.
class LoginThrottle {
  public:
    explicit LoginThrottle(ThrottleLimits limits = {}) : limits_{limits} {}

    /// Whether a log-in to `account` (a bare JID, of a user or not) from `address` is to be tried at all.
    bool allows(std::string_view account, std::string_view address, SteadyTime now);
    void failed(std::string_view account, std::string_view address, SteadyTime now);
    void succeeded(std::string_view account, std::string_view address, SteadyTime now);
    std::size_t size() const;

  private:
    struct Entry {
        std::string key;
        unsigned failures = 0;
        SteadyTime since{};  // of the first of them
        bool trusted = false;
    };
    using Entries = std::list<Entry>;

    unsigned failures(const std::string& key, SteadyTime now);
    bool trusted(const std::string& key) const;
    Entry& entry(const std::string& key);
    void count(const std::string& key, SteadyTime now);

    ThrottleLimits limits_;
    mutable std::mutex mutex_;
    Entries entries_;  // the last used first
    std::unordered_map<std::string, Entries::iterator> index_;
};

}  // namespace carillon::auth
