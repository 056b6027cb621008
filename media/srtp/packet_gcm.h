/// AES-GCM for packets, with the processor's own instructions. OpenSSL's cipher is as fast, but it is asked through
/// five calls a packet, which cost three times what the cipher costs on 160 octets of voice.
/// Spec: NIST SP 800-38D §6.4, §7 (96-bit IVs); RFC 7714 §8, §9 says what goes in.
/// Constant time: the instructions take as long for any data, and nothing is looked up by secrets.
/// Not here: processors without AES-NI, PCLMULQDQ and SSE4.1, which have OpenSSL (packet_cipher.h).
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "config/base/bytes.h"

namespace carillon::srtp {

/// One key. Threading: any, once made. Wipes itself.
class PacketGcm {
  public:
    static constexpr std::size_t kTag = 16;
    using Iv = std::array<unsigned char, 12>;

    /// Whether this processor can do it.
    static bool supported();

    /// `key`: 16 or 32 octets.
    explicit PacketGcm(Bytes key);
    ~PacketGcm();
    PacketGcm(const PacketGcm&) = default;
    PacketGcm& operator=(const PacketGcm&) = default;

    /// Encrypts `data` in place and writes the tag. `first` and `second`, one after the other, are associated data;
    /// `second` has at most 16 octets.
    void seal(const Iv& iv, Bytes first, Bytes second, std::span<std::byte> data, std::byte* tag) const;
    /// Decrypts in place when `tag` is right; else nothing is changed.
    bool open(const Iv& iv, Bytes first, Bytes second, std::span<std::byte> data, const std::byte* tag) const;

  private:
    using Block = std::array<std::uint64_t, 2>;
    static constexpr std::size_t kPowers = 8;

    alignas(16) std::array<Block, 15> rounds_{};       // round keys
    alignas(16) std::array<Block, kPowers> powers_{};  // of the hash key, the highest first, each shifted by one
    alignas(16) std::array<Block, kPowers> folded_{};  // their halves added: Karatsuba's middle factor
    int last_round_ = 10;
};

}  // namespace carillon::srtp
