#include "stun/turn/authentication.h"

#include <algorithm>

namespace carillon::stun::turn {
namespace {

/// The algorithms in our order of preference; each without parameters (§18.5.1).
constexpr std::array<std::byte, 8> kAlgorithms{std::byte{0}, std::byte{2}, std::byte{0}, std::byte{0},
                                               std::byte{0}, std::byte{1}, std::byte{0}, std::byte{0}};

/// §9.2.4: what the client chose, if it chose among all that was offered.
std::expected<PasswordAlgorithm, Refusal> chosen_algorithm(const Message& request, std::string_view nonce) {
    if (!Nonces::promises_algorithms(nonce)) return PasswordAlgorithm::md5;
    const auto offered = request.attribute(Attribute::password_algorithms);
    const auto chosen = request.attribute(Attribute::password_algorithm);
    if (!offered && !chosen) return PasswordAlgorithm::md5;  // an RFC 5389 client
    if (!offered || !chosen || !std::ranges::equal(*offered, kAlgorithms)) return std::unexpected{kBadRequest};
    if (chosen->size() != 4 || load_u16(chosen->data() + 2) != 0) return std::unexpected{kBadRequest};
    const auto number = load_u16(chosen->data());
    if (number != 1 && number != 2) return std::unexpected{kBadRequest};
    return static_cast<PasswordAlgorithm>(number);
}

bool matches(const Message& request, bool sha256, std::string_view key) {
    return sha256 ? request.integrity_sha256_matches(key) : request.integrity_matches(key);
}

}  // namespace

std::expected<Proof, Refusal> authenticate(const Message& request, const TransportAddress& client,
                                           const Credentials& credentials, const Nonces& nonces, const Owner* owner,
                                           std::chrono::seconds now) {
    const bool sha256 = request.has(Attribute::message_integrity_sha256);
    if (!sha256 && !request.has(Attribute::message_integrity)) return std::unexpected{kUnauthorized};
    const auto user = request.attribute(Attribute::username);
    const auto hash = request.attribute(Attribute::userhash);
    const auto nonce = request.attribute(Attribute::nonce);
    if ((!user && !hash) || !nonce || !request.has(Attribute::realm)) return std::unexpected{kBadRequest};
    if (nonce->size() > 763 || (user && (user->empty() || user->size() > 508))) return std::unexpected{kBadRequest};
    const auto algorithm = chosen_algorithm(request, as_text(*nonce));
    if (!algorithm) return std::unexpected{algorithm.error()};

    const bool fresh = nonces.valid(as_text(*nonce), client, now);
    // A running allocation outlives its time-limited user name: its key is known.
    if (owner && user && as_text(*user) == owner->user_name && owner->algorithm == *algorithm) {
        if (!matches(request, sha256, owner->key)) return std::unexpected{kUnauthorized};
        if (!fresh) return std::unexpected{kStaleNonce};
        return Proof{*owner, sha256};
    }
    const auto known = hash ? credentials.find_hash(*hash) : credentials.find(as_text(*user), now);
    if (!known) return std::unexpected{kUnauthorized};
    for (const auto& password : known->passwords) {
        auto key = long_term_key(*algorithm, known->name, credentials.realm(), password);
        if (!matches(request, sha256, key)) continue;
        if (!fresh) return std::unexpected{kStaleNonce};
        return Proof{{known->name, known->quota_name, std::move(key), *algorithm}, sha256};
    }
    return std::unexpected{kUnauthorized};
}

void add_challenge(Builder& reply, const Credentials& credentials, const Nonces& nonces, const TransportAddress& client,
                   std::chrono::seconds now) {
    reply.text(Attribute::realm, credentials.realm())
        .text(Attribute::nonce, nonces.make(client, now))
        .attribute(Attribute::password_algorithms, kAlgorithms);
}

}  // namespace carillon::stun::turn
