#include "stun/turn/nonce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace carillon::stun::turn {
namespace {

constexpr std::string_view kCookie = "obMatJos2";
constexpr std::size_t kFeatures = 4;  // 24 bits in base64
constexpr std::size_t kBody = 16;     // 12 octets in base64

std::string base64(Bytes bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

}  // namespace

Nonces::Nonces(std::string key, bool username_anonymity) : key_{std::move(key)}, anonymity_{username_anonymity} {}

// §18.1: bit 0, the leftmost of 24, is password algorithms; bit 1 username anonymity.
std::string Nonces::head() const { return std::string{kCookie} + (anonymity_ ? "wAAA" : "gAAA"); }

std::array<std::byte, 12> Nonces::body(const TransportAddress& client, std::uint32_t made) const {
    std::array<std::byte, 21> input{};
    store_u32(input.data(), made);
    std::ranges::copy(client.ip, input.begin() + 4);
    input[20] = client.v6 ? std::byte{6} : std::byte{4};
    std::array<std::byte, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(input.data()), input.size(),
           reinterpret_cast<unsigned char*>(mac.data()), &size);
    std::array<std::byte, 12> out;
    store_u32(out.data(), made);
    std::copy_n(mac.begin(), 8, out.begin() + 4);
    return out;
}

std::string Nonces::make(const TransportAddress& client, std::chrono::seconds now) const {
    return head() + base64(body(client, static_cast<std::uint32_t>(now.count())));
}

bool Nonces::valid(std::string_view nonce, const TransportAddress& client, std::chrono::seconds now) const {
    if (nonce.size() != kCookie.size() + kFeatures + kBody || !nonce.starts_with(head())) return false;
    std::array<unsigned char, 12> raw{};
    if (::EVP_DecodeBlock(raw.data(), reinterpret_cast<const unsigned char*>(nonce.data() + kCookie.size() + kFeatures),
                          kBody) != 12)
        return false;
    const auto made = load_u32(reinterpret_cast<const std::byte*>(raw.data()));
    const auto age = now.count() - std::int64_t{made};
    if (age < 0 || age > kLifetime.count()) return false;
    const auto expected = body(client, made);
    return ::CRYPTO_memcmp(expected.data(), raw.data(), raw.size()) == 0;
}

bool Nonces::promises_algorithms(std::string_view nonce) {
    if (nonce.size() < kCookie.size() + kFeatures || !nonce.starts_with(kCookie)) return false;
    std::array<unsigned char, 3> bits{};
    const auto* features = reinterpret_cast<const unsigned char*>(nonce.data() + kCookie.size());
    return ::EVP_DecodeBlock(bits.data(), features, kFeatures) == 3 && (bits[0] & 0x80) != 0;
}

}  // namespace carillon::stun::turn
