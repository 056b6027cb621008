#include "media/srtp/key_derivation.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace carillon::srtp {
namespace {

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/// §4.3.3: AES-CM keyed with the master key, started at (label || 0) XOR salt, gives the session key's octets.
bool derive(EVP_CIPHER_CTX* prf, const std::array<std::byte, 14>& salt, std::uint8_t label, std::span<std::byte> out) {
    std::array<unsigned char, 16> iv{};
    std::ranges::transform(salt, iv.begin(), [](std::byte b) { return std::to_integer<unsigned char>(b); });
    iv[7] ^= label;
    std::ranges::fill(out, std::byte{0});
    int length = 0;
    auto* data = reinterpret_cast<unsigned char*>(out.data());
    return EVP_EncryptInit_ex(prf, nullptr, nullptr, nullptr, iv.data()) == 1 &&
           EVP_EncryptUpdate(prf, data, &length, data, static_cast<int>(out.size())) == 1;
}

}  // namespace

std::expected<DerivedKeys, std::string_view> derive_keys(Profile profile, Bytes master) {
    const auto [key, salt_length] = lengths_of(profile);
    if (master.size() != key + salt_length) return std::unexpected{"master key of a wrong length"};
    const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> prf{EVP_CIPHER_CTX_new()};
    const auto* cipher = key == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
    const auto* raw_key = reinterpret_cast<const unsigned char*>(master.data());
    if (!prf || EVP_EncryptInit_ex(prf.get(), cipher, nullptr, raw_key, nullptr) != 1)
        return std::unexpected{"OpenSSL refuses the master key"};
    std::array<std::byte, 14> salt{};  // RFC 7714 §11: a 96-bit salt is followed by zeros
    std::ranges::copy(master.subspan(key), salt.begin());
    DerivedKeys keys;
    const auto side = [&](SessionKeys& out, std::uint8_t base) {
        return derive(prf.get(), salt, base, std::span{out.cipher}.first(key)) &&
               derive(prf.get(), salt, static_cast<std::uint8_t>(base + 1), out.auth) &&
               derive(prf.get(), salt, static_cast<std::uint8_t>(base + 2), std::span{out.salt}.first(salt_length));
    };
    if (!side(keys.rtp, 0) || !side(keys.rtcp, 3)) return std::unexpected{"key derivation failed"};
    return keys;
}

}  // namespace carillon::srtp
