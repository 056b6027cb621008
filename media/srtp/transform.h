/// What protects and opens packets of one direction: the interface that OpenSSL's and libsrtp's side implement.
/// Spec: RFC 3711 §3.3 (processing), §3.4 (SRTCP); RFC 7714.
/// Not here: key agreement (media/dtls, SDES in signaling).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"
#include "media/srtp/index_cell.h"
#include "media/srtp/profile.h"

namespace carillon::srtp {

inline constexpr std::size_t kMaxMki = 16;  ///< octets; RFC 4568 allows more, nobody uses more than 4
/// How much longer a packet may get: the tag, the MKI, and index and flag of SRTCP.
inline constexpr std::size_t kMaxOverhead = 16 + kMaxMki + 4;
inline constexpr std::size_t kMaxMasterKeys = 4;  ///< of one direction, told apart by their MKI
inline constexpr std::size_t kMaxSsrcs = 64;      ///< of one direction; a further one is refused

enum class Direction : std::uint8_t { inbound, outbound };

struct MasterKey {
    std::vector<std::byte> key_and_salt;
    std::vector<std::byte> mki;  ///< empty: packets carry none
};

/// Where one SSRC's counters stand: what a successor needs to go on (RFC 3711 §3.2.3).
struct SsrcState {
    std::uint32_t ssrc = 0;
    std::uint64_t rtp_index = 0;   ///< highest: roll-over counter and sequence number
    std::uint32_t rtcp_index = 0;  ///< highest
    bool rtp = false;              ///< whether any RTP passed
    bool rtcp = true;              ///< whether rtcp_index means anything
};

/// Which RTP indices of one SSRC have been seen, for somebody who goes on with it for a while (relay/kernel).
struct RtpWindow {
    std::uint64_t highest = 0;
    std::array<std::uint64_t, 16> seen{};  ///< by index modulo 1024; nothing above the highest
};

/// All SSRCs of one direction. Threading: one thread at a time.
class Transform {
  public:
    virtual ~Transform() = default;
    /// In place: `buffer` has room for kMaxOverhead beyond `length`. Answers the new length. bad_value: the index has
    /// been used (a repeated packet); too_large: no room, or more SSRCs than kMaxSsrcs.
    virtual Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length) = 0;
    virtual Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length) = 0;
    /// In place. bad_integrity: forged or damaged; bad_value: a replay; unsupported: an MKI nobody told us of.
    /// A packet that does not open may have been changed.
    virtual Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet) = 0;
    virtual Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet) = 0;
    virtual std::vector<SsrcState> states() const { return {}; }
    /// Goes on where a predecessor stood.
    virtual void restore(const SsrcState&) {}
    /// Nullopt: no RTP of that SSRC has passed, or this side cannot.
    virtual std::optional<RtpWindow> window(std::uint32_t) { return std::nullopt; }
    virtual void resume(std::uint32_t, const RtpWindow&) {}
    /// Has indices put down as packets pass. False: this side cannot, and nobody may go on where it stood.
    virtual bool keep(IndexKeeper) { return false; }
};

using MadeTransform = std::expected<std::unique_ptr<Transform>, std::string_view>;

}  // namespace carillon::srtp
