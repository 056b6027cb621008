#include "relay/control/orphan_watch.h"

#include <algorithm>

#include "config/base/log.h"

namespace carillon::relay {
namespace {

constexpr std::chrono::milliseconds kInterval{5000};

}  // namespace

OrphanWatch::OrphanWatch(boost::asio::io_context& io, Worker& worker, ControlServer& server,
                         std::chrono::milliseconds limit, std::function<void()> end)
    : worker_{worker}, server_{server}, limit_{limit}, end_{std::move(end)}, timer_{io} {
    if (limit_.count() > 0) wait();
}

void OrphanWatch::wait() {
    timer_.expires_after(std::min(kInterval, std::max(limit_ / 4, std::chrono::milliseconds{1})));
    timer_.async_wait([this](auto error) {
        if (!error) look();
    });
}

void OrphanWatch::look() {
    const auto now = std::chrono::steady_clock::now();
    const bool alone = server_.clients() == 0;
    if (alone && worker_.sessions() > 0) worker_.end_silent();  // nobody else will tell that a call is over
    if (!alone || worker_.sessions() > 0 || worker_.allocations() > 0) idle_since_ = now;
    if (now - idle_since_ < limit_) return wait();
    log::info("no server and nothing to carry: the relay worker ends");
    end_();
}

}  // namespace carillon::relay
