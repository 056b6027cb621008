/// How many connections each address may have, and all together: counted without a lock.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "stun/message.h"

namespace carillon::relay {

/// Threading: any.  Addresses that share a bucket share its limit; which ones do nobody outside can tell.
class AddressPlaces {
  public:
    AddressPlaces(std::uint32_t per_address, std::uint32_t total, std::uint64_t seed)
        : per_address_{per_address}, total_{total}, seed_{seed} {}

    /// One connection's; given back when it ends.
    class Place {
      public:
        Place() = default;
        Place(Place&& other) noexcept : of_{std::exchange(other.of_, nullptr)}, bucket_{other.bucket_} {}
        Place& operator=(Place&& other) noexcept {
            std::swap(of_, other.of_);
            std::swap(bucket_, other.bucket_);
            return *this;
        }
        ~Place() {
            if (of_) of_->leave(bucket_);
        }
        explicit operator bool() const { return of_ != nullptr; }

      private:
        friend class AddressPlaces;
        Place(AddressPlaces& of, std::size_t bucket) : of_{&of}, bucket_{bucket} {}
        AddressPlaces* of_ = nullptr;
        std::size_t bucket_ = 0;
    };

    /// An empty place when the address or the whole has its fill. IPv6 counts by /64.
    Place admit(const stun::TransportAddress& client) {
        std::uint64_t hash = seed_;
        const std::size_t octets = client.v6 ? 8 : 4;
        for (std::size_t i = 0; i < octets; ++i)
            hash = (hash ^ std::to_integer<std::uint64_t>(client.ip[i])) * 1099511628211u;
        const std::size_t bucket = (hash ^ hash >> 32) % kBuckets;
        if (all_.fetch_add(1, std::memory_order_relaxed) >= total_) {
            all_.fetch_sub(1, std::memory_order_relaxed);
            return {};
        }
        if (counts_[bucket].fetch_add(1, std::memory_order_relaxed) >= per_address_) {
            leave(bucket);
            return {};
        }
        return {*this, bucket};
    }
    std::uint32_t size() const { return all_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::size_t kBuckets = 65536;
    void leave(std::size_t bucket) {
        counts_[bucket].fetch_sub(1, std::memory_order_relaxed);
        all_.fetch_sub(1, std::memory_order_relaxed);
    }
    std::uint32_t per_address_;
    std::uint32_t total_;
    std::uint64_t seed_;
    std::atomic<std::uint32_t> all_{0};
    std::array<std::atomic<std::uint32_t>, kBuckets> counts_{};
};

}  // namespace carillon::relay
