/// Ready-made RTP packets in place of sound: sent at given times, and shown as they arrive.
/// Not here: where they come from (media/replay).
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::phone {

struct TimedPacket {
    std::chrono::nanoseconds at{};  ///< after the first frame that the call lets through
    std::vector<std::byte> packet;  ///< RTP in the clear; its payload type is `payload_type` of the source, or another
};

struct PacketSource {
    std::uint8_t payload_type = 0;  ///< this one becomes what was agreed; others go as they are
    std::vector<TimedPacket> packets;
};

/// What left or arrived, in the clear, by the steady clock.
/// Threading: any thread.
class PacketRecorder {
  public:
    struct Entry {
        std::chrono::nanoseconds time{};
        std::chrono::nanoseconds off{};  ///< sent: how long after its time it had left
        std::vector<std::byte> packet;
    };
    void add(std::chrono::nanoseconds time, std::chrono::nanoseconds off, Bytes packet) {
        const std::scoped_lock lock{mutex_};
        if (entries_.size() < kMost) entries_.push_back({time, off, {packet.begin(), packet.end()}});
    }
    std::vector<Entry> take() {
        const std::scoped_lock lock{mutex_};
        return std::move(entries_);
    }

  private:
    static constexpr std::size_t kMost = 5'000'000;
    std::mutex mutex_;
    std::vector<Entry> entries_;
};

}  // namespace carillon::phone
