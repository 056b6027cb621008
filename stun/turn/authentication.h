/// The long-term credential mechanism, server side: from a request to who sent it, or to the error that is due.
/// Spec: RFC 8489 §9.2.4.
#pragma once
#include <expected>
#include <optional>

#include "stun/turn/allocation.h"
#include "stun/turn/credentials.h"
#include "stun/turn/nonce.h"

namespace carillon::stun::turn {

/// An error response in the making.
struct Refusal {
    unsigned code = 400;
    std::string_view reason = "Bad Request";
    /// 401 and 438 carry REALM, NONCE and PASSWORD-ALGORITHMS.
    bool challenge = false;
};

inline constexpr Refusal kBadRequest{400, "Bad Request"};
inline constexpr Refusal kUnauthorized{401, "Unauthorized", true};
inline constexpr Refusal kStaleNonce{438, "Stale Nonce", true};

/// Who sent a request, and which integrity its answer bears.
struct Proof {
    Owner owner;
    bool sha256 = false;
};

/// `owner`: whose allocation the request is about, if there is one; its key is used as it is kept.
std::expected<Proof, Refusal> authenticate(const Message& request, const TransportAddress& client,
                                           const Credentials& credentials, const Nonces& nonces, const Owner* owner,
                                           std::chrono::seconds now);

/// REALM, NONCE, PASSWORD-ALGORITHMS.
void add_challenge(Builder& reply, const Credentials& credentials, const Nonces& nonces, const TransportAddress& client,
                   std::chrono::seconds now);

}  // namespace carillon::stun::turn
