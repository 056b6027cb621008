/// The first piece of a ClientHello that is cut into several datagrams, as those with post-quantum keys are.
/// OpenSSL's listener (DTLSv1_listen) keeps nothing of strangers and so takes whole ones only. Random, session and
/// cookie stand in the first piece: enough to ask for a cookie, and to know one again.
/// Spec: RFC 6347 §4.2.1 (HelloVerifyRequest), §4.2.2 (message sequence), §4.2.3 (fragments).
/// Not here: putting the pieces together, which OpenSSL does once the address is proved (dtls_client.h).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "config/base/bytes.h"

namespace carillon::relay {

/// A view of the datagram that it was parsed from.
struct HelloFragment {
    /// What one of the messages below needs at most.
    static constexpr std::size_t kMost = 160;

    Bytes record_number;  ///< 6 octets
    std::uint16_t message_sequence = 0;
    std::uint16_t version = 0;
    Bytes random;
    Bytes session;
    Bytes cookie;

    /// nullopt: anything else, whole ones too.
    static std::optional<HelloFragment> parse(Bytes datagram);
    /// A HelloVerifyRequest; no longer than the shortest piece.
    Bytes verify_request(Bytes with_cookie, std::span<std::byte, kMost> out) const;
    /// The whole ClientHello of a client that says no more than this piece and knows of no cookie yet.
    Bytes first_hello(std::span<std::byte, kMost> out) const;
};

}  // namespace carillon::relay
