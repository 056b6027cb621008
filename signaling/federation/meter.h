/// How fast the servers of a domain are read, all their streams together, and how many streams they have.
/// Back-pressure: who is faster waits, and TCP tells it so.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "signaling/federation/settings.h"
#include "signaling/net/token_bucket.h"

namespace carillon::federation {

/// Threading: any thread.
class Meter {
  public:
    static constexpr double kBurst = 4;  ///< seconds' worth after some quiet

    explicit Meter(const DomainPolicy& policy)
        : octets_{policy.octets_per_second, kBurst * policy.octets_per_second},
          stanzas_{policy.stanzas_per_second, kBurst * policy.stanzas_per_second},
          most_streams_{policy.streams} {}

    /// What has been read; how long to wait before reading on.
    std::chrono::milliseconds read(std::size_t octets, std::size_t stanzas, net::TokenBucket::Clock::time_point now);
    /// A place for one more stream, given back when the last copy goes; nullptr: it has its fill.
    static std::shared_ptr<void> enter(const std::shared_ptr<Meter>& meter);

  private:
    std::mutex mutex_;
    net::TokenBucket octets_;
    net::TokenBucket stanzas_;
    std::size_t most_streams_;
    std::size_t streams_ = 0;
};

/// Counts a stanza and `octets`, and waits for as long as that takes to pay.
boost::asio::awaitable<void> pay(std::shared_ptr<Meter> meter, std::size_t octets);

/// The meters of the domains that have proved themselves. Threading: any thread.
class Meters {
  public:
    std::shared_ptr<Meter> of(std::string_view domain, const DomainPolicy& policy);

  private:
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Meter>, std::less<>> meters_;
};

}  // namespace carillon::federation
