/// Extended reports: what an endpoint says of a call's quality itself.
/// Spec: RFC 3611 §2 (packet), §3 (block header), §4.5 (DLRR), §4.6 (statistics summary), §4.7 (VoIP metrics).
/// Not here: loss and time run-length blocks (§4.1 to §4.3), making reports.
#pragma once
#include <cstdint>
#include <optional>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::rtp {

/// §4.7. What is not known stays out, as does what its field says is not.
struct VoipMetrics {
    std::uint32_t ssrc = 0;      ///< whom it is about
    double loss = 0;             ///< 0..1, on the network
    double discarded = 0;        ///< 0..1, came too late to be played
    double burst_density = 0;    ///< 0..1
    std::uint16_t burst_ms = 0;  ///< mean
    std::uint16_t round_trip_ms = 0;
    std::uint16_t end_system_ms = 0;
    std::optional<unsigned> r_factor;  ///< 0..100
    std::optional<double> mos_lq, mos_cq;
    unsigned jitter_buffer_ms = 0;  ///< nominal
};

/// §4.6, the counters that its flags say are there.
struct StatisticsSummary {
    std::uint32_t ssrc = 0;
    std::optional<std::uint32_t> lost, duplicates;
};

/// What the XR packets of a compound say: of each kind the last.
struct ExtendedReports {
    std::optional<VoipMetrics> voip;
    std::optional<StatisticsSummary> summary;
    unsigned blocks = 0;  ///< of any kind

    /// Of a compound packet; one without XR packets has nothing. Errors: lengths that contradict the octets.
    static Parsed<ExtendedReports> parse(Bytes datagram);
};

}  // namespace carillon::rtp
