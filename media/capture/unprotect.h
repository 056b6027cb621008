/// Opens captured SRTP streams with keys that the user has (SDES, or exported from a phone).
/// Spec: RFC 3711; RFC 4568 §6.1 (inline keys), §6.2 (suites); RFC 7714 §14.2.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/capture/stream.h"
#include "media/srtp/srtp_session.h"

namespace carillon::capture {

struct StreamSecret {
    std::optional<std::uint32_t> ssrc;  ///< nothing: for every stream that it opens
    srtp::Profile profile = srtp::Profile::aes128_cm_sha1_80;
    std::vector<std::byte> key;  ///< master key and master salt

    /// "[SSRC=]BASE64[:SUITE]", SSRC in hexadecimal with 0x or decimal, SUITE as RFC 4568 spells it. The error is a
    /// sentence that does not contain the key.
    static std::expected<StreamSecret, std::string> parse(std::string_view text);
};

struct Unprotected {
    CapturedStream stream;     ///< what could be opened, in the clear
    std::size_t rejected = 0;  ///< forged, damaged, replayed, or another key
};

/// Nothing when not a single packet opens: the key is not of this stream.
std::optional<Unprotected> unprotect(const CapturedStream& stream, const StreamSecret& secret);

}  // namespace carillon::capture
