#include "signaling/auth/login_throttle.h"

#include <arpa/inet.h>

#include <array>

namespace carillon::auth {
namespace {

/// Who has one IPv6 address has the whole network of it.
std::string address_key(std::string_view address) {
    std::array<unsigned char, 16> octets{};
    const std::string text{address};
    if (inet_pton(AF_INET6, text.c_str(), octets.data()) != 1) return "@" + text;
    return "@" + std::string{reinterpret_cast<const char*>(octets.data()), 8};
}
std::string account_key(std::string_view account) { return "=" + std::string{account}; }
std::string pair_key(std::string_view account, std::string_view address) {
    return "+" + std::string{account} + address_key(address);
}

}  // namespace

bool LoginThrottle::allows(std::string_view account, std::string_view address, SteadyTime now) {
    const std::lock_guard lock{mutex_};
    const auto pair = pair_key(account, address);
    if (failures(pair, now) >= limits_.per_account) return false;
    if (trusted(pair)) return true;
    return failures(account_key(account), now) < limits_.per_account &&
           failures(address_key(address), now) < limits_.per_address;
}

void LoginThrottle::failed(std::string_view account, std::string_view address, SteadyTime now) {
    const std::lock_guard lock{mutex_};
    count(address_key(address), now);
    if (account.empty()) return;  // it has not come to a name
    count(account_key(account), now);
    count(pair_key(account, address), now);
}

void LoginThrottle::succeeded(std::string_view account, std::string_view address, SteadyTime) {
    const std::lock_guard lock{mutex_};
    auto& pair = entry(pair_key(account, address));
    pair.trusted = true;
    pair.failures = 0;
}

std::size_t LoginThrottle::size() const {
    const std::lock_guard lock{mutex_};
    return entries_.size();
}

unsigned LoginThrottle::failures(const std::string& key, SteadyTime now) {
    const auto at = index_.find(key);
    if (at == index_.end() || now - at->second->since >= limits_.window) return 0;
    return at->second->failures;
}

bool LoginThrottle::trusted(const std::string& key) const {
    const auto at = index_.find(key);
    return at != index_.end() && at->second->trusted;
}

LoginThrottle::Entry& LoginThrottle::entry(const std::string& key) {
    if (const auto at = index_.find(key); at != index_.end()) {
        entries_.splice(entries_.begin(), entries_, at->second);
        return entries_.front();
    }
    if (entries_.size() >= limits_.remembered) {
        index_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({.key = key});
    index_[key] = entries_.begin();
    return entries_.front();
}

void LoginThrottle::count(const std::string& key, SteadyTime now) {
    auto& counted = entry(key);
    if (counted.failures == 0 || now - counted.since >= limits_.window) {
        counted.failures = 0;
        counted.since = now;
    }
    ++counted.failures;
}

}  // namespace carillon::auth
