/// SRTP protection profiles: their key lengths, tags and names.
/// Spec: RFC 3711 §5, §8.2; RFC 6188; RFC 7714 §12, §14; names of RFC 4568 §6.2, RFC 6188 §7, RFC 7714 §14.2.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace carillon::srtp {

enum class Profile : std::uint8_t {
    aes128_cm_sha1_80,
    aes128_cm_sha1_32,
    aead_aes_128_gcm,
    aead_aes_256_gcm,
    aes256_cm_sha1_80,
    aes256_cm_sha1_32,
};

struct KeyLengths {
    std::size_t key;
    std::size_t salt;
};
constexpr KeyLengths lengths_of(Profile profile) {
    switch (profile) {
        case Profile::aead_aes_128_gcm:
            return {16, 12};
        case Profile::aead_aes_256_gcm:
            return {32, 12};
        case Profile::aes256_cm_sha1_80:
        case Profile::aes256_cm_sha1_32:
            return {32, 14};
        default:
            return {16, 14};
    }
}

constexpr bool is_aead(Profile profile) {
    return profile == Profile::aead_aes_128_gcm || profile == Profile::aead_aes_256_gcm;
}

/// Of an RTP packet; SRTCP keeps 80 bits in the _32 profiles (RFC 5764 §4.1.2).
constexpr std::size_t rtp_tag_length(Profile profile) {
    if (is_aead(profile)) return 16;
    return profile == Profile::aes128_cm_sha1_32 || profile == Profile::aes256_cm_sha1_32 ? 4 : 10;
}
constexpr std::size_t rtcp_tag_length(Profile profile) { return is_aead(profile) ? 16 : 10; }

inline constexpr std::array<std::pair<Profile, std::string_view>, 6> kProfileNames{{
    {Profile::aes128_cm_sha1_80, "AES_CM_128_HMAC_SHA1_80"},
    {Profile::aes128_cm_sha1_32, "AES_CM_128_HMAC_SHA1_32"},
    {Profile::aead_aes_128_gcm, "AEAD_AES_128_GCM"},
    {Profile::aead_aes_256_gcm, "AEAD_AES_256_GCM"},
    {Profile::aes256_cm_sha1_80, "AES_256_CM_HMAC_SHA1_80"},
    {Profile::aes256_cm_sha1_32, "AES_256_CM_HMAC_SHA1_32"},
}};

/// The crypto-suite name of SDES.
constexpr std::string_view to_string(Profile profile) {
    for (const auto& [value, name] : kProfileNames)
        if (value == profile) return name;
    return "unknown";
}
constexpr std::optional<Profile> profile_named(std::string_view text) {
    for (const auto& [value, name] : kProfileNames)
        if (name == text) return value;
    return std::nullopt;
}

}  // namespace carillon::srtp
