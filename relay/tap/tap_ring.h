/// The way from a shard to a writer of files: a ring of octets with one producer and one consumer, which never waits.
/// What does not fit is dropped and counted.
#pragma once
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "relay/learning/address.h"

namespace carillon::relay {

/// What a mirrored datagram was.
struct TapHeader {
    SteadyTime time{};
    Address local;            ///< our socket
    Address remote;           ///< the endpoint
    std::uint32_t size = 0;   ///< of the datagram; what is kept may be less
    std::uint8_t stream = 0;  ///< which of the tap's streams
    std::uint8_t leg = 0;     ///< 0: A, the caller's; 1: B
    bool incoming = true;     ///< from the endpoint; else to it
    bool opened = false;      ///< as it is between the legs: without SRTP
    bool rtcp = false;        ///< with opened
};

/// Threading: push() by one thread, front() and pop() by another, the counters by any.  Owns: its memory, taken at
/// once.
class TapRing {
  public:
    struct View {
        TapHeader header;
        Bytes data;  ///< until pop()
    };

    explicit TapRing(std::size_t octets)
        : size_{std::bit_ceil(octets < kLeast ? kLeast : octets)}, memory_{std::make_unique<std::byte[]>(size_)} {}

    /// Keeps `keep` octets of `data` at most. False: there was no room.
    bool push(const TapHeader& header, Bytes data, std::size_t keep) noexcept {
        if (data.size() > keep) data = data.first(keep);
        const std::size_t need = rounded(sizeof(Record) + data.size());
        const auto head = head_.load(std::memory_order_relaxed);
        const auto used = head - tail_.load(std::memory_order_acquire);
        const std::size_t at = head & (size_ - 1);
        const std::size_t skipped = size_ - at < need ? size_ - at : 0;  // records are in one piece
        if (used + skipped + need > size_) {
            dropped_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        if (skipped != 0) place(at, {.kept = kSkip, .header = {}}, {});
        place((at + skipped) & (size_ - 1), {.kept = static_cast<std::uint32_t>(data.size()), .header = header}, data);
        head_.store(head + skipped + need, std::memory_order_release);
        return true;
    }

    std::optional<View> front() noexcept {
        for (;;) {
            const auto tail = tail_.load(std::memory_order_relaxed);
            if (tail == head_.load(std::memory_order_acquire)) return std::nullopt;
            const std::size_t at = tail & (size_ - 1);
            std::uint32_t kept = 0;
            std::memcpy(&kept, &memory_[at], sizeof kept);
            if (kept == kSkip) {
                tail_.store(tail + size_ - at, std::memory_order_release);
                continue;
            }
            Record record;
            std::memcpy(&record, &memory_[at], sizeof record);
            taken_ = rounded(sizeof(Record) + record.kept);
            return View{record.header, Bytes{&memory_[at + sizeof(Record)], record.kept}};
        }
    }
    void pop() noexcept {
        tail_.store(tail_.load(std::memory_order_relaxed) + taken_, std::memory_order_release);
        taken_ = 0;
    }

    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    struct Record {
        std::uint32_t kept = 0;
        TapHeader header;
    };
    static_assert(std::is_trivially_copyable_v<Record>);
    static constexpr std::size_t kLeast = 4096;
    static constexpr std::uint32_t kSkip = ~std::uint32_t{0};  // the rest up to the end is empty
    static constexpr std::size_t rounded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

    void place(std::size_t at, const Record& record, Bytes data) noexcept {
        if (record.kept == kSkip) {
            std::memcpy(&memory_[at], &record.kept, sizeof record.kept);  // at least 8 octets are there
            return;
        }
        std::memcpy(&memory_[at], &record, sizeof record);
        if (!data.empty()) std::memcpy(&memory_[at + sizeof record], data.data(), data.size());
    }

    std::size_t size_;
    std::unique_ptr<std::byte[]> memory_;
    alignas(64) std::atomic<std::uint64_t> head_{0};  // the producer's
    std::atomic<std::uint64_t> dropped_{0};
    alignas(64) std::atomic<std::uint64_t> tail_{0};  // the consumer's
    std::size_t taken_ = 0;
};

}  // namespace carillon::relay
