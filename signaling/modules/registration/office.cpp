#include "signaling/modules/registration/office.h"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "signaling/auth/scram.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::modules {
namespace {

std::string group_of(const std::string& address) {
    boost::system::error_code bad;
    auto ip = boost::asio::ip::make_address(address, bad);
    if (bad || !ip.is_v6()) return address;
    const auto v6 = ip.to_v6();
    if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
    auto bytes = v6.to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});  // a host has its whole /64
    return boost::asio::ip::address_v6{bytes}.to_string();
}

}  // namespace

bool AttemptLimiter::admit(const std::string& address, SteadyTime now, std::size_t limit,
                           std::chrono::nanoseconds window) {
    const std::lock_guard lock{mutex_};
    const auto group = group_of(address);
    if (attempts_.size() >= kMaxAddresses && !attempts_.contains(group)) {
        forget_old(now, window);
        if (attempts_.size() >= kMaxAddresses) return false;
    }
    auto& times = attempts_[group];
    std::erase_if(times, [&](SteadyTime at) { return now - at >= window; });
    if (times.size() >= limit) return false;
    times.push_back(now);
    return true;
}

void AttemptLimiter::forget_old(SteadyTime now, std::chrono::nanoseconds window) {
    std::erase_if(attempts_,
                  [&](const auto& entry) { return entry.second.empty() || now - entry.second.back() >= window; });
}

std::shared_ptr<Office> Office::of(runtime::ModuleContext& context) {
    static std::mutex mutex;
    static std::map<const storage::Storage*, std::weak_ptr<Office>> offices;
    const std::lock_guard lock{mutex};
    auto& known = offices[&context.storage()];
    auto office = known.lock();
    if (!office) known = office = std::make_shared<Office>();
    return office;
}

runtime::awaitable<std::expected<std::vector<storage::ScramKeys>, std::string>> Office::make_keys(
    std::string password) {
    using Keys = std::expected<std::vector<storage::ScramKeys>, std::string>;
    auto job = [password = std::move(password)]() -> Keys { return auth::make_all_scram_keys(password); };
    auto keys = co_await runtime::on_pool(worker_, std::move(job));
    co_return keys;
}

}  // namespace carillon::modules
