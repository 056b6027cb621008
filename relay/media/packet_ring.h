/// A bounded queue of packets between one thread that puts them in and one that takes them out. Neither ever waits.
/// Not here: waking anybody up (media_outlet.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "config/base/bytes.h"
#include "config/base/clock.h"

namespace carillon::relay {

/// Packets lie behind one another, each with a head of 16 octets; one that does not fit before the end begins anew at
/// the front.
/// Threading: one producer calls push(), one consumer calls pop(). Allocates only when it is made.
class PacketRing {
  public:
    /// `octets`: a power of two; 0: it takes nothing.
    explicit PacketRing(std::size_t octets)
        : size_{static_cast<std::uint32_t>(octets)}, data_{octets > 0 ? new std::byte[octets] : nullptr} {}

    /// False when there is no room: the packet is lost.
    bool push(Bytes packet, bool rtcp, SteadyTime arrival) noexcept {
        const auto needed = record(packet.size());
        auto head = head_.load(std::memory_order_relaxed);
        const auto tail = tail_.load(std::memory_order_acquire);
        const auto at = size_ > 0 ? head & (size_ - 1) : 0;
        const auto left = size_ - at;  // up to the end
        const auto wasted = left < needed ? left : 0;
        if (size_ - (head - tail) < needed + wasted) return false;
        if (wasted > 0) {
            put(at, {.size = kSkip, .rtcp = 0, .arrival = 0});
            head += wasted;
        }
        const auto start = head & (size_ - 1);
        put(start, {.size = static_cast<std::uint32_t>(packet.size()),
                    .rtcp = rtcp ? 1u : 0u,
                    .arrival = arrival.time_since_epoch().count()});
        if (!packet.empty()) std::memcpy(&data_[start + sizeof(Head)], packet.data(), packet.size());
        head_.store(head + needed, std::memory_order_release);
        return true;
    }

    /// Calls `f(packet, rtcp, arrival)` with the oldest; the packet lives until f returns. False when there is none.
    template <class F>
    bool pop(F f) {
        auto tail = tail_.load(std::memory_order_relaxed);
        if (tail == head_.load(std::memory_order_acquire)) return false;
        auto head = get(tail & (size_ - 1));
        if (head.size == kSkip) {
            tail += size_ - (tail & (size_ - 1));
            head = get(tail & (size_ - 1));
        }
        const auto* packet = &data_[(tail & (size_ - 1)) + sizeof(Head)];
        f(Bytes{packet, head.size}, head.rtcp != 0, SteadyTime{SteadyTime::duration{head.arrival}});
        tail_.store(tail + record(head.size), std::memory_order_release);
        return true;
    }
    bool empty() const { return tail_.load(std::memory_order_acquire) == head_.load(std::memory_order_acquire); }

  private:
    struct Head {
        std::uint32_t size;
        std::uint32_t rtcp;
        std::int64_t arrival;
    };
    static constexpr std::uint32_t kSkip = 0xFFFFFFFF;
    static constexpr std::size_t kLine = 64;  // of the processor's cache

    /// Of a packet with its head, in whole heads: one always fits before the end.
    static std::uint32_t record(std::size_t size) {
        return static_cast<std::uint32_t>(sizeof(Head) + (size + sizeof(Head) - 1) / sizeof(Head) * sizeof(Head));
    }
    void put(std::uint32_t at, const Head& head) { std::memcpy(&data_[at], &head, sizeof head); }
    Head get(std::uint32_t at) const {
        Head head;
        std::memcpy(&head, &data_[at], sizeof head);
        return head;
    }

    std::uint32_t size_;
    std::unique_ptr<std::byte[]> data_;
    alignas(kLine) std::atomic<std::uint32_t> head_{0};  // octets ever put in, modulo 2^32
    alignas(kLine) std::atomic<std::uint32_t> tail_{0};  // octets ever taken out
};

}  // namespace carillon::relay
