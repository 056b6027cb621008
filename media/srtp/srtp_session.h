/// SRTP and SRTCP for one direction of a call.
/// Spec: RFC 3711; RFC 7714 for AES-GCM; profiles and key lengths RFC 5764 §4.1.2 and RFC 7714 §14.2.
/// Not here: how it is done (evp_transform.h, libsrtp_transform.h), key agreement (media/dtls).
#pragma once
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "media/srtp/transform.h"

namespace carillon::srtp {

/// All SSRCs of one direction: the profiles that calls use over OpenSSL, the others over libsrtp.
/// Threading: one thread at a time. See Transform for the operations and their errors.
class Session {
  public:
    /// `key` is master key and master salt, one after the other.
    static std::expected<Session, std::string_view> create(Profile profile, Bytes key, Direction direction);
    /// Several keys are told apart by MKIs of one length.
    static std::expected<Session, std::string_view> create(Profile profile, std::span<const MasterKey> keys,
                                                           Direction direction);

    Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length) {
        return transform_->protect_rtp(buffer, length);
    }
    Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length) {
        return transform_->protect_rtcp(buffer, length);
    }
    Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet) { return transform_->unprotect_rtp(packet); }
    Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet) { return transform_->unprotect_rtcp(packet); }
    std::vector<SsrcState> states() const { return transform_->states(); }
    void restore(const SsrcState& state) { transform_->restore(state); }
    std::optional<RtpWindow> window(std::uint32_t ssrc) { return transform_->window(ssrc); }
    void resume(std::uint32_t ssrc, const RtpWindow& window) { transform_->resume(ssrc, window); }
    bool keep(IndexKeeper keeper) { return transform_->keep(std::move(keeper)); }

  private:
    explicit Session(std::unique_ptr<Transform> transform) : transform_{std::move(transform)} {}
    std::unique_ptr<Transform> transform_;
};

}  // namespace carillon::srtp
