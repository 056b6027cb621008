/// Nonces that need no memory: the time and the client's address, under a MAC.
/// Spec: RFC 8489 §9.2 (nonce cookie), §18.1 (security feature bits), RFC 8656 §5 (nonces expire within the hour).
#pragma once
#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "stun/message.h"

namespace carillon::stun::turn {

/// Threading: any; constant after it was made.
class Nonces {
  public:
    static constexpr std::chrono::seconds kLifetime{3600};

    /// `username_anonymity`: clients are told that USERHASH is understood (and so have to use it).
    explicit Nonces(std::string key, bool username_anonymity = false);

    /// For a client at this IP address; its port may change.
    std::string make(const TransportAddress& client, std::chrono::seconds now) const;
    bool valid(std::string_view nonce, const TransportAddress& client, std::chrono::seconds now) const;
    /// Whether the nonce carries a cookie that promises PASSWORD-ALGORITHMS (§9.2.4: guards against bidding down).
    static bool promises_algorithms(std::string_view nonce);

  private:
    std::string head() const;
    std::array<std::byte, 12> body(const TransportAddress& client, std::uint32_t made) const;
    std::string key_;
    bool anonymity_;
};

}  // namespace carillon::stun::turn
