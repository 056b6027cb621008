#include "signaling/auth/hashed_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace carillon::auth {
namespace {

std::string keyed_hash(std::string_view token, std::string_view role, std::string_view channel_binding) {
    const auto text = std::string{role}.append(channel_binding);
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), reinterpret_cast<unsigned char*>(out.data()),
         &length);
    out.resize(length);
    return out;
}

}  // namespace

std::optional<HashedTokenMechanism> HashedTokenMechanism::of(std::string_view name, const ChannelBindings& bindings) {
    constexpr std::string_view kFamily = "HT-SHA-256-";
    if (!name.starts_with(kFamily)) return std::nullopt;
    const auto kind = name.substr(kFamily.size());
    const auto bound = [](const std::optional<std::string>& binding) {
        return binding ? std::optional{HashedTokenMechanism{*binding}} : std::nullopt;
    };
    if (kind == "NONE") return HashedTokenMechanism{};
    if (kind == "EXPR") return bound(bindings.tls_exporter);
    if (kind == "ENDP") return bound(bindings.tls_server_end_point);
    if (kind == "UNIQ") return bound(bindings.tls_unique);
    return std::nullopt;
}

std::optional<InitiatorMessage> read_initiator(std::string_view message) {
    const auto end = message.find('\0');
    constexpr std::size_t kHash = 32;
    if (end == std::string_view::npos || end == 0 || message.size() != end + 1 + kHash) return std::nullopt;
    return InitiatorMessage{std::string{message.substr(0, end)}, std::string{message.substr(end + 1)}};
}

bool token_matches(std::string_view token, const HashedTokenMechanism& mechanism, std::string_view hashed_token) {
    const auto expected = keyed_hash(token, "Initiator", mechanism.channel_binding);
    return expected.size() == hashed_token.size() &&
           CRYPTO_memcmp(expected.data(), hashed_token.data(), expected.size()) == 0;
}

std::string responder_message(std::string_view token, const HashedTokenMechanism& mechanism) {
    return keyed_hash(token, "Responder", mechanism.channel_binding);
}

}  // namespace carillon::auth
