/// The name of a sound that is sent to a worker: the SHA-256 of its octets, in hexadecimal.
/// Spec: docs/relay-control.md.
#pragma once
#include <openssl/evp.h>

#include <array>
#include <string>

namespace carillon::relay::api {

/// Empty when it cannot be computed.
inline std::string sound_digest(const std::string& octets) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(octets.data(), octets.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
        out += kDigits[digest[i] >> 4];
        out += kDigits[digest[i] & 15];
    }
    return out;
}

}  // namespace carillon::relay::api
