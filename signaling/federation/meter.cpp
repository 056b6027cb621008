#include "signaling/federation/meter.h"

#include <algorithm>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carillon::federation {

std::chrono::milliseconds Meter::read(std::size_t octets, std::size_t stanzas,
                                      net::TokenBucket::Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    octets_.take(static_cast<double>(octets), now);
    stanzas_.take(static_cast<double>(stanzas), now);
    return std::max(octets_.debt(), stanzas_.debt());
}

std::shared_ptr<void> Meter::enter(const std::shared_ptr<Meter>& meter) {
    const std::lock_guard lock{meter->mutex_};
    if (meter->streams_ >= meter->most_streams_) return nullptr;
    ++meter->streams_;
    return {meter.get(), [meter](void*) {
                const std::lock_guard leaving{meter->mutex_};
                --meter->streams_;
            }};
}

boost::asio::awaitable<void> pay(std::shared_ptr<Meter> meter, std::size_t octets) {
    constexpr std::chrono::milliseconds kLongestNap{500};
    const auto now = [] { return net::TokenBucket::Clock::now(); };
    auto debt = meter->read(octets, 1, now());
    while (debt.count() > 0) {
        boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor, std::min(debt, kLongestNap)};
        co_await pause.async_wait(boost::asio::use_awaitable);
        debt = meter->read(0, 0, now());
    }
}

std::shared_ptr<Meter> Meters::of(std::string_view domain, const DomainPolicy& policy) {
    const std::lock_guard lock{mutex_};
    std::erase_if(meters_, [](const auto& entry) { return entry.second.expired(); });
    const auto at = meters_.find(domain);
    if (auto known = at == meters_.end() ? nullptr : at->second.lock()) return known;
    auto made = std::make_shared<Meter>(policy);
    meters_[std::string{domain}] = made;
    return made;
}

}  // namespace carillon::federation
