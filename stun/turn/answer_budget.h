/// Keeps answers to strangers from being of use to anybody: how many octets one source may be answered beyond what it
/// sent. Spec: RFC 8489 §16.1.2 (a server as a reflector). A 401 has to carry a nonce and a realm, so it is longer than
/// the request it answers. What it is longer is paid from a small allowance of the source's address; once that is used
/// up, only requests as long as their answer are answered.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

#include "config/base/clock.h"
#include "stun/message.h"

namespace carillon::stun::turn {

/// In a table of fixed size: sources that share a bucket share its allowance.  Threading: its shard.
class AnswerBudget {
  public:
    static constexpr double kBurst = 8192;     ///< octets beyond what was sent
    static constexpr double kPerSecond = 512;  ///< octets

    bool admit(const TransportAddress& source, std::size_t asked, std::size_t answered, SteadyTime now) {
        if (answered <= asked) return true;
        const auto excess = static_cast<double>(answered - asked);
        auto& bucket = bucket_of(source);
        const double passed = std::chrono::duration<double>(now - bucket.at).count();
        bucket.left = bucket.at == SteadyTime{} ? kBurst : std::min(kBurst, bucket.left + passed * kPerSecond);
        bucket.at = now;
        if (bucket.left < excess) return false;
        bucket.left -= excess;
        return true;
    }

  private:
    struct Bucket {
        double left = 0;
        SteadyTime at{};
    };
    Bucket& bucket_of(const TransportAddress& source) {
        std::uint64_t hash = 1469598103934665603u;  // FNV-1a; of IPv6 the first half: one subscriber has a /64
        const std::size_t octets = source.v6 ? 8 : 4;
        for (std::size_t i = 0; i < octets; ++i)
            hash = (hash ^ std::to_integer<std::uint64_t>(source.ip[i])) * 1099511628211u;
        return buckets_[hash % buckets_.size()];
    }
    std::array<Bucket, 4096> buckets_{};
};

}  // namespace carillon::stun::turn
