/// What the relay reads of RTCP that passes in the clear: sender and receiver reports.
/// Spec: RFC 3550 §6.1 (compound packets), §6.4 (SR, RR).
/// Not here: making RTCP, feedback messages (RFC 4585).
#pragma once
#include <cstdint>
#include <optional>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::rtp {

enum class RtcpType : std::uint8_t {
    sender_report = 200,
    receiver_report = 201,
    source_description = 202,
    bye = 203,
    app = 204
};

struct ReportBlock {
    std::uint32_t ssrc = 0;
    std::uint8_t fraction_lost = 0;  ///< in 1/256
    std::int32_t cumulative_lost = 0;
    std::uint32_t highest_sequence = 0;
    std::uint32_t jitter = 0;          ///< timestamp units
    std::uint32_t last_sr = 0;         ///< middle 32 bits of the NTP time of the last SR; 0: none yet
    std::uint32_t delay_since_sr = 0;  ///< in 1/65536 s
};

/// Walks a compound packet. `on_packet(type, body after the SSRC of the sender, report count, sender SSRC)`.
struct RtcpSummary {
    std::optional<std::uint32_t> sender_report_mid_ntp;  ///< of the first SR
    std::optional<ReportBlock> first_report;             ///< first block of the first SR or RR
    std::uint32_t sender_ssrc = 0;
    unsigned packets = 0;
    bool has_bye = false;

    /// Checks every length in the compound packet.
    static Parsed<RtcpSummary> parse(Bytes datagram);
};

}  // namespace carillon::rtp
