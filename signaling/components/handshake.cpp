#include "signaling/components/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

namespace carillon::components {

std::string handshake_digest(std::string_view stream_id, const Secret& secret) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text{stream_id};
    text += secret.reveal();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
        out += kDigits[digest[i] >> 4];
        out += kDigits[digest[i] & 15];
    }
    return out;
}

bool handshake_fits(std::string_view digest, std::string_view stream_id, const Secret& secret) {
    const auto wanted = handshake_digest(stream_id, secret);
    return digest.size() == wanted.size() && CRYPTO_memcmp(digest.data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace carillon::components
