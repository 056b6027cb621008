#include "media/srtp/libsrtp_transform.h"

#include <srtp2/srtp.h>

#include <array>
#include <cstring>
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
        case Profile::aes256_cm_sha1_80:
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
            return;
        case Profile::aes256_cm_sha1_32:
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
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
        case srtp_err_status_bad_param:
            return Errc::truncated;
        default:
            return Errc::unsupported;
    }
}

struct Free {
    void operator()(srtp_ctx_t_* state) const { srtp_dealloc(state); }
};

constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kRtcpHeader = 8;

/// libsrtp reads up to its own maximum: each key has that many octets.
struct PaddedKey {
    std::array<unsigned char, SRTP_MAX_KEY_LEN> key{};
    std::vector<unsigned char> mki;
    srtp_master_key_t native{};
};

class LibsrtpTransform final : public Transform {
  public:
    LibsrtpTransform(srtp_ctx_t_* state, bool mki) : state_{state}, mki_{mki} {}

    Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length) override {
        if (buffer.size() < length + kMaxOverhead) return std::unexpected{Errc::too_large};
        return run([&](int* size) { return srtp_protect_mki(state_.get(), buffer.data(), size, mki_, 0); }, length,
                   kRtpHeader);
    }
    Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length) override {
        if (buffer.size() < length + kMaxOverhead) return std::unexpected{Errc::too_large};
        return run([&](int* size) { return srtp_protect_rtcp_mki(state_.get(), buffer.data(), size, mki_, 0); }, length,
                   kRtcpHeader);
    }
    Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet) override {
        return run([&](int* size) { return srtp_unprotect_mki(state_.get(), packet.data(), size, mki_); },
                   packet.size(), kRtpHeader);
    }
    Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet) override {
        return run([&](int* size) { return srtp_unprotect_rtcp_mki(state_.get(), packet.data(), size, mki_); },
                   packet.size(), kRtcpHeader);
    }

  private:
    template <class Operation>
    static Parsed<std::size_t> run(Operation operation, std::size_t length, std::size_t minimum) {
        if (length < minimum) return std::unexpected{Errc::truncated};
        if (length > 65535) return std::unexpected{Errc::too_large};
        int size = static_cast<int>(length);
        const auto status = operation(&size);
        if (status != srtp_err_status_ok) return std::unexpected{error_of(status)};
        return static_cast<std::size_t>(size);
    }

    std::unique_ptr<srtp_ctx_t_, Free> state_;
    bool mki_;
};

}  // namespace

MadeTransform make_libsrtp_transform(Profile profile, std::span<const MasterKey> keys, Direction direction) {
    if (!library_ready()) return std::unexpected{"libsrtp does not start"};
    const auto lengths = lengths_of(profile);
    std::vector<PaddedKey> padded(keys.size());
    std::vector<srtp_master_key_t*> native;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].key_and_salt.size() != lengths.key + lengths.salt)
            return std::unexpected{"master key of a wrong length"};
        std::memcpy(padded[i].key.data(), keys[i].key_and_salt.data(), keys[i].key_and_salt.size());
        for (const auto octet : keys[i].mki) padded[i].mki.push_back(std::to_integer<unsigned char>(octet));
        padded[i].native = {padded[i].key.data(), padded[i].mki.data(), static_cast<unsigned>(padded[i].mki.size())};
        native.push_back(&padded[i].native);
    }
    srtp_policy_t policy{};
    set_policy(profile, policy);
    policy.ssrc.type = direction == Direction::inbound ? ssrc_any_inbound : ssrc_any_outbound;
    policy.keys = native.data();
    policy.num_master_keys = native.size();
    policy.window_size = kReplayWindow;
    policy.allow_repeat_tx = 0;
    srtp_t state = nullptr;
    const auto status = srtp_create(&state, &policy);
    for (auto& key : padded) key.key.fill(0);
    if (status != srtp_err_status_ok) return std::unexpected{"libsrtp refuses the profile or key"};
    return std::make_unique<LibsrtpTransform>(state, !keys.front().mki.empty());
}

}  // namespace carillon::srtp
