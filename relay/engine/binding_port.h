/// Keeps the binding server from being a reflector: so many answers a second to one source, and no more.
#pragma once
#include <array>
#include <cstdint>

#include "config/base/clock.h"
#include "relay/learning/address.h"

namespace carillon::relay {

/// Token buckets by source address, in a table of fixed size: sources that share a bucket share its rate.
/// Threading: its shard.
class BindingRate {
  public:
    static constexpr double kPerSecond = 100;
    static constexpr double kBurst = 200;

    bool admit(const Address& source, SteadyTime now) {
        std::uint64_t hash = 1469598103934665603u;  // FNV-1a over the address without its port
        for (const auto octet : source.ip) hash = (hash ^ octet) * 1099511628211u;
        auto& bucket = buckets_[hash % buckets_.size()];
        const double passed = std::chrono::duration<double>(now - bucket.at).count();
        bucket.tokens = bucket.at == SteadyTime{} ? kBurst : std::min(kBurst, bucket.tokens + passed * kPerSecond);
        bucket.at = now;
        if (bucket.tokens < 1) return false;
        bucket.tokens -= 1;
        return true;
    }

  private:
    struct Bucket {
        double tokens = 0;
        SteadyTime at{};
    };
    std::array<Bucket, 4096> buckets_{};
};

}  // namespace carillon::relay
