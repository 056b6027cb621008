#include "relay/media/continuation.h"

#include <random>

namespace carillon::relay {
namespace {

std::uint32_t random32() {
    static thread_local std::random_device device;
    return device();
}

}  // namespace

rtp::RtpSender sender_after(const std::optional<StreamPoint>& before, unsigned clock_rate) {
    // RFC 3711 §3.3.1: the first number from the lower half.
    if (!before) return {random32(), static_cast<std::uint16_t>(random32() & 0x7FFF), random32()};
    const auto passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - before->at).count();
    const auto ticks = static_cast<std::uint32_t>(static_cast<std::int64_t>(passed * clock_rate));
    return {before->ssrc, static_cast<std::uint16_t>(before->sequence + 1), before->timestamp + ticks};
}

}  // namespace carillon::relay
