/// The E-model for wide-band calls (50 to 7000 Hz): a scale that goes on where the narrow-band one ends, at 129.
/// Spec: ITU-T G.107.1 §6.2 (scale), §7.1, §7.4 (delay), §7.5 (codecs and loss), Annex A (MOS); G.113 Appendix IV for
/// Ie,WB.
/// Not here: loudness, noise and echo terms (headsets: at their defaults they cost nothing); full band (G.107.2).
#pragma once
#include "media/quality/e_model.h"

namespace carillon::quality {

inline constexpr double kDefaultRWideband = 129;  // §6.2: Ro,WB with every parameter at its default

// G.113 Appendix IV. Its Bpl,WB values are for AMR-WB; for the others they are our estimate.
inline constexpr CodecImpairment kG722Wideband{13, 4.3};  // 64 kbit/s
inline constexpr CodecImpairment kG711Wideband{kDefaultRWideband - kDefaultR, 25.1};
// Not tabulated by the ITU: like AMR-WB at 23.05 kbit/s, and robust by its concealment and redundancy.
inline constexpr CodecImpairment kOpusWideband{1, 20.0};
inline constexpr CodecImpairment kL16Wideband{0, 4.3};

/// R on the wide-band scale, up to 129.
inline double transmission_rating_wideband(const Conditions& conditions) {
    return kDefaultRWideband - delay_impairment(conditions.one_way) -
           effective_impairment(conditions.codec, conditions.loss, conditions.burst_ratio);
}

/// Annex A: the narrow-band curve over the longer scale.
inline double mean_opinion_score_wideband(double r) { return mean_opinion_score(r / 1.29); }

inline double mean_opinion_score_wideband(const Conditions& conditions) {
    return mean_opinion_score_wideband(transmission_rating_wideband(conditions));
}

}  // namespace carillon::quality
