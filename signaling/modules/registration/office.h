/// What all shards share for registration: how often an address tried, and a thread that makes SCRAM keys.
/// Not here: what registration is (registration.cpp).
#pragma once
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "config/base/clock.h"
#include "signaling/runtime/module.h"
#include "signaling/storage/scram_keys.h"

namespace carillon::modules {

/// Counts attempts by address (IPv6: by /64) within a window that moves along. Threading: any thread.
class AttemptLimiter {
  public:
    static constexpr std::size_t kMaxAddresses = 50'000;

    /// False when `address` has had `limit` attempts within `window`, or too many addresses try at once.
    bool admit(const std::string& address, SteadyTime now, std::size_t limit, std::chrono::nanoseconds window);

  private:
    void forget_old(SteadyTime now, std::chrono::nanoseconds window);

    std::mutex mutex_;
    std::map<std::string, std::vector<SteadyTime>> attempts_;
};

/// Threading: any thread.
class Office {
  public:
    /// The one that all modules over this storage share.
    static std::shared_ptr<Office> of(runtime::ModuleContext& context);

    AttemptLimiter attempts;
    /// Keys of every mechanism for a new password; the error is for people. Takes milliseconds, on a thread of its own.
    runtime::awaitable<std::expected<std::vector<storage::ScramKeys>, std::string>> make_keys(std::string password);

  private:
    boost::asio::thread_pool worker_{1};  // one: registrations must not take the machine from those who chat
};

}  // namespace carillon::modules
