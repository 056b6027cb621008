/// AES-CM with HMAC-SHA1, and AES-GCM, with contexts that are keyed once and kept: over OpenSSL, and AES-GCM by the
/// processor's own instructions where it has them.
/// Spec: RFC 3711 §4.1.1, §4.2.1; RFC 7714 §8, §9.
/// Not here: packet layout and indices (evp_transform.h).
#pragma once
#include <memory>

#include "media/srtp/key_derivation.h"
#include "media/srtp/packet_gcm.h"

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;

namespace carillon::srtp {

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const;
};

/// Which packet: what the initialisation vector is made of.
struct PacketId {
    std::uint32_t ssrc = 0;
    std::uint64_t index = 0;  ///< 48 bits for SRTP, 31 for SRTCP
};

/// Counter mode and HMAC. Allocates nothing once made.
class CounterMode {
  public:
    CounterMode(const SessionKeys& keys, std::size_t key_length);
    bool ready() const { return context_ != nullptr; }
    bool crypt(const PacketId& id, std::span<std::byte> data);  ///< both ways
    /// HMAC-SHA1 over `data` and four more octets (the roll-over counter); `tail` of 0 octets: none.
    std::array<std::byte, 20> tag(Bytes data, Bytes tail);

  private:
    std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context_;
    std::array<std::byte, 14> salt_;
    struct Digest {
        alignas(8) std::array<std::byte, 96> state;  // a SHA_CTX that has taken the padded key
    };
    Digest inner_, outer_;
};

/// Galois/counter mode. Allocates nothing once made.
class GaloisMode {
  public:
    static constexpr std::size_t kTag = 16;
    enum class Means : std::uint8_t { fastest, openssl };

    GaloisMode(const SessionKeys& keys, std::size_t key_length, Direction direction, Means means = Means::fastest);
    bool ready() const { return own_ || context_; }
    /// Encrypts `data` and writes the tag after it.
    bool seal(const PacketId& id, bool rtcp, Bytes first, Bytes second, std::span<std::byte> data, std::byte* tag);
    /// Decrypts `data` if `tag` is right.
    bool open(const PacketId& id, bool rtcp, Bytes first, Bytes second, std::span<std::byte> data, std::byte* tag);

  private:
    std::array<unsigned char, 12> iv(const PacketId& id, bool rtcp) const;
    bool start(const PacketId& id, bool rtcp, Bytes first, Bytes second, bool seal);

    std::unique_ptr<PacketGcm> own_;
    std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context_;  // else
    std::array<std::byte, 12> salt_;
};

}  // namespace carillon::srtp
