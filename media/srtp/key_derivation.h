/// Session keys from master keys.
/// Spec: RFC 3711 §4.3 (key derivation rate 0), RFC 7714 §11 (96-bit salts).
#pragma once
#include <array>
#include <expected>
#include <string_view>

#include "media/srtp/transform.h"

namespace carillon::srtp {

struct SessionKeys {
    std::array<std::byte, 32> cipher{};  ///< as many as lengths_of() says
    std::array<std::byte, 14> salt{};
    std::array<std::byte, 20> auth{};  ///< HMAC-SHA1; unused by AEAD
};

/// label 0..2 for SRTP, 3..5 for SRTCP: cipher, auth, salt.
struct DerivedKeys {
    SessionKeys rtp;
    SessionKeys rtcp;
};

/// `master` is master key and master salt, one after the other.
std::expected<DerivedKeys, std::string_view> derive_keys(Profile profile, Bytes master);

}  // namespace carillon::srtp
