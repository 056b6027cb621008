#include "signaling/auth/downgrade_protection.h"

#include <openssl/evp.h>

#include <algorithm>

#include "signaling/auth/base64.h"

namespace carillon::auth {
namespace {

/// Sorted by octets, joined by %x1E.
std::string joined(std::vector<std::string> names) {
    std::ranges::sort(names);
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : "\x1e") + name;
    return out;
}

}  // namespace

std::string offer_hash(std::string_view mechanism, std::vector<std::string> mechanisms,
                       std::vector<std::string> binding_types) {
    auto offer = joined(std::move(mechanisms));
    if (!binding_types.empty()) offer += '\x1f' + joined(std::move(binding_types));
    const auto* digest = mechanism.starts_with("SCRAM-SHA-256") ? EVP_sha256() : EVP_sha1();
    std::string hash(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    EVP_Digest(offer.data(), offer.size(), reinterpret_cast<unsigned char*>(hash.data()), &length, digest, nullptr);
    hash.resize(length);
    return base64_encode(hash);
}

}  // namespace carillon::auth
