/// How good a call feels, computed from what the network did to it: the E-model.
/// Spec: ITU-T G.107 §7 with the default values of table 2; ITU-T G.113 Appendix I for Ie and Bpl.
/// Not here: echo and noise terms (headsets, no echo: Idte and Idle are 0), wide-band calls (e_model_wideband.h): a
/// perfect call is 4.41 whatever the codec.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>

namespace carillon::quality {

/// Equipment impairment of a codec: how much it costs by itself, and how robust it is to loss.
struct CodecImpairment {
    double ie = 0;
    double bpl = 25.1;
};

inline constexpr CodecImpairment kG711WithConcealment{0, 25.1};  // G.113 table I.4, G.711 with PLC
inline constexpr CodecImpairment kG711Plain{0, 4.3};             // G.113 table I.4, G.711 without PLC
inline constexpr CodecImpairment kOpus{0,
                                       20.0};  // not tabulated by the ITU; our estimate, a little under G.711 with PLC

struct Conditions {
    double loss = 0;                       ///< fraction of packets not played, 0 to 1
    std::chrono::milliseconds one_way{0};  ///< mouth to ear
    double burst_ratio = 1;                ///< BurstR: 1 is random loss
    CodecImpairment codec = kG711WithConcealment;
};

inline constexpr double kDefaultR = 93.2;  // G.107 §7.7: every parameter at its default

/// Idd, the impairment of pure delay (G.107 (7-27), default sT and mT).
inline double delay_impairment(std::chrono::milliseconds one_way) {
    const auto ta = static_cast<double>(one_way.count());
    if (ta <= 100) return 0;
    const double x = std::log2(ta / 100);
    return 25 * (std::pow(1 + std::pow(x, 6), 1.0 / 6) - 3 * std::pow(1 + std::pow(x / 3, 6), 1.0 / 6) + 2);
}

/// Ie-eff, codec and loss together (G.107 (7-29)); loss as Ppl in per cent.
inline double effective_impairment(const CodecImpairment& codec, double loss, double burst_ratio) {
    const double ppl = std::clamp(loss, 0.0, 1.0) * 100;
    if (ppl == 0) return codec.ie;
    return codec.ie + (95 - codec.ie) * ppl / (ppl / std::max(burst_ratio, 1e-3) + codec.bpl);
}

inline double transmission_rating(const Conditions& conditions) {
    return kDefaultR - delay_impairment(conditions.one_way) -
           effective_impairment(conditions.codec, conditions.loss, conditions.burst_ratio);
}

/// R to an estimated mean opinion score from 1 to 4.5 (G.107 Annex B).
inline double mean_opinion_score(double r) {
    if (r <= 0) return 1;
    if (r >= 100) return 4.5;
    return std::max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

inline double mean_opinion_score(const Conditions& conditions) {
    return mean_opinion_score(transmission_rating(conditions));
}

}  // namespace carillon::quality
