/// How a leg sounds, as the worker judges it.
/// Spec: docs/quality.md, control.proto.
#pragma once
#include <cstdint>

namespace carillon::relay::api {

/// Of what one endpoint sends, as the other hears it; 0: not known.
struct LegQuality {
    double mos = 0;  ///< G.107 or G.107.1; 0 also where there is no audio
    double r = 0;    ///< the rating behind it, up to 93.2 or 129
    bool wideband = false;
    double loss = 0;             ///< 0..1, that the far end did not hear: its own reports where it gives them
    double burst_ratio = 0;      ///< 1: losses one by one
    double delay_ms = 0;         ///< mouth to ear, estimated
    std::uint64_t quiet_ms = 0;  ///< packets come, sound does not; 0: it does
    /// What the far end reports itself (RFC 3611).
    bool reported = false;
    double reported_loss = 0, reported_discarded = 0, reported_mos_lq = 0, reported_mos_cq = 0;
    std::uint32_t reported_r = 0, reported_end_system_ms = 0;
};

}  // namespace carillon::relay::api
