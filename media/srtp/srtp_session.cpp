#include "media/srtp/srtp_session.h"

#include <srtp2/srtp.h>

#include <array>
#include <vector>

namespace carillon::srtp {
namespace {

constexpr unsigned long kReplayWindow = 1024;  // packets; video bursts reorder more than the default 128

bool library_ready() {
    static const bool ready = srtp_init() == srtp_err_status_ok;
    return ready;
}

void set_policy(Profile profile, srtp_policy_t& policy) {
    switch (profile) {
        case Profile::aes128_cm_sha1_80:
            srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
            srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
            return;
        case Profile::aes128_cm_sha1_32:
            srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
            srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);  // RFC 5764 §4.1.2: SRTCP keeps 80 bits
            return;
        case Profile::aead_aes_128_gcm:
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
            return;
        case Profile::aead_aes_256_gcm:
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
            return;
    }
}

Errc error_of(srtp_err_status_t status) {
    switch (status) {
        case srtp_err_status_auth_fail:
            return Errc::bad_integrity;
        case srtp_err_status_replay_fail:
        case srtp_err_status_replay_old:
            return Errc::bad_value;
        case srtp_err_status_parse_err:
            return Errc::truncated;
        default:
            return Errc::unsupported;
    }
}

template <class Operation>
Parsed<std::size_t> run(Operation operation, srtp_ctx_t_* state, std::span<std::byte> packet, std::size_t length,
                        std::size_t minimum) {
    if (length < minimum) return std::unexpected{Errc::truncated};
    if (length > 65535) return std::unexpected{Errc::too_large};
    int size = static_cast<int>(length);
    const auto status = operation(state, packet.data(), &size);
    if (status != srtp_err_status_ok) return std::unexpected{error_of(status)};
    return static_cast<std::size_t>(size);
}

constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kRtcpHeader = 8;

}  // namespace

void Session::Free::operator()(srtp_ctx_t_* state) const { srtp_dealloc(state); }

std::expected<Session, std::string_view> Session::create(Profile profile, Bytes key, Direction direction) {
    if (!library_ready()) return std::unexpected{"libsrtp does not start"};
    const auto lengths = lengths_of(profile);
    if (key.size() != lengths.key + lengths.salt) return std::unexpected{"master key of a wrong length"};
    // libsrtp reads up to its own maximum: give it that many octets.
    std::array<unsigned char, SRTP_MAX_KEY_LEN> padded{};
    std::memcpy(padded.data(), key.data(), key.size());
    srtp_policy_t policy{};
    set_policy(profile, policy);
    policy.ssrc.type = direction == Direction::inbound ? ssrc_any_inbound : ssrc_any_outbound;
    policy.key = padded.data();
    policy.window_size = kReplayWindow;
    policy.allow_repeat_tx = 0;
    srtp_t state = nullptr;
    const auto status = srtp_create(&state, &policy);
    padded.fill(0);
    if (status != srtp_err_status_ok) return std::unexpected{"libsrtp refuses the profile or key"};
    return Session{state};
}

Parsed<std::size_t> Session::protect_rtp(std::span<std::byte> buffer, std::size_t length) {
    if (buffer.size() < length + kMaxOverhead) return std::unexpected{Errc::too_large};
    return run(&srtp_protect, state_.get(), buffer, length, kRtpHeader);
}

Parsed<std::size_t> Session::protect_rtcp(std::span<std::byte> buffer, std::size_t length) {
    if (buffer.size() < length + kMaxOverhead) return std::unexpected{Errc::too_large};
    return run(&srtp_protect_rtcp, state_.get(), buffer, length, kRtcpHeader);
}

Parsed<std::size_t> Session::unprotect_rtp(std::span<std::byte> packet) {
    return run(&srtp_unprotect, state_.get(), packet, packet.size(), kRtpHeader);
}

Parsed<std::size_t> Session::unprotect_rtcp(std::span<std::byte> packet) {
    return run(&srtp_unprotect_rtcp, state_.get(), packet, packet.size(), kRtcpHeader);
}

}  // namespace carillon::srtp
