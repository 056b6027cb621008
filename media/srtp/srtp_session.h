/// SRTP and SRTCP for one direction of a call, on libsrtp2.
/// Spec: RFC 3711; RFC 7714 for AES-GCM; profiles and key lengths RFC 5764 §4.1.2 and RFC 7714 §14.2.
/// Not here: key agreement (media/dtls); the relay's hot path.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "config/base/bytes.h"
#include "config/base/errc.h"

struct srtp_ctx_t_;

namespace carillon::srtp {

enum class Profile { aes128_cm_sha1_80, aes128_cm_sha1_32, aead_aes_128_gcm, aead_aes_256_gcm };

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
        default:
            return {16, 14};
    }
}

/// How much longer a packet may get: the tag, plus index and flag for SRTCP.
inline constexpr std::size_t kMaxOverhead = 16 + 4;

enum class Direction { inbound, outbound };

/// All SSRCs of one direction under one master key.
/// Owns: the libsrtp state. Threading: one thread at a time.
class Session {
  public:
    /// `key` is master key and master salt, one after the other.
    static std::expected<Session, std::string_view> create(Profile profile, Bytes key, Direction direction);

    /// Works in place: `buffer` has room for kMaxOverhead beyond `length`. Answers the new length.
    Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length);
    Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length);
    /// Works in place. bad_integrity: forged or damaged; bad_value: a replay.
    Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet);
    Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet);

  private:
    struct Free {
        void operator()(srtp_ctx_t_* state) const;
    };
    explicit Session(srtp_ctx_t_* state) : state_{state} {}
    std::unique_ptr<srtp_ctx_t_, Free> state_;
};

}  // namespace carillon::srtp
