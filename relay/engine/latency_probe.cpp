#include "relay/engine/latency_probe.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

namespace carillon::relay {
namespace {

/// Datagrams that waited before the kernel was asked have the time of their reading.
constexpr std::chrono::milliseconds kSettled{20};
constexpr std::chrono::seconds kAbsurd{10};  // the machine's clock was set

std::chrono::nanoseconds since_epoch(const timespec& time) {
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

void ask(int socket, int on) { ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); }

}  // namespace

void LatencyHistogram::add(std::chrono::nanoseconds took) {
    const auto microseconds = static_cast<std::uint32_t>(took.count() / 1000);
    const auto bound = std::ranges::upper_bound(api::kLatencyBounds, microseconds);
    auto& count = counts_[static_cast<std::size_t>(bound - api::kLatencyBounds.begin())];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

bool LatencyProbe::tick() {
    if (socket_ >= 0) ask(std::exchange(socket_, -1), 0);
    if (++rested_ <= kRest) return false;
    rested_ = 0;
    return true;
}

void LatencyProbe::look_at(int socket, SteadyTime now) {
    socket_ = socket;
    since_ = now;
    ask(socket, 1);
}

void LatencyProbe::note(std::span<mmsghdr> received) {
    waiting_ = 0;
    if (std::chrono::steady_clock::now() - since_ <= kSettled) return;
    for (auto& message : received.first(std::min(received.size(), kMost))) {
        auto& head = message.msg_hdr;
        for (auto* one = CMSG_FIRSTHDR(&head); one; one = CMSG_NXTHDR(&head, one)) {
            if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
            timespec came{};
            std::memcpy(&came, CMSG_DATA(one), sizeof came);
            came_[waiting_++] = since_epoch(came);
        }
    }
}

void LatencyProbe::count() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    const auto now = since_epoch(time);
    const auto waiting = std::exchange(waiting_, 0);
    for (std::size_t i = 0; i < waiting; ++i)
        if (const auto took = now - came_[i]; took >= std::chrono::nanoseconds{0} && took < kAbsurd) into_.add(took);
}

}  // namespace carillon::relay
