#include "relay/engine/call_quality.h"

#include <algorithm>

#include "media/quality/e_model_wideband.h"

namespace carillon::relay {
namespace {

constexpr double kPacketMs = 20;
constexpr double kLookAheadMs = 5;
constexpr double kLeastBufferMs = 40;  // a jitter buffer at rest

bool is_wideband(const LegStatistics::Audio& audio) { return audio.payload_type == 9 || audio.clock_rate > 8000; }

quality::CodecImpairment impairment_of(const LegStatistics::Audio& audio) {
    if (audio.payload_type == 9 || audio.clock_rate == 16'000) return quality::kG722Wideband;
    if (audio.clock_rate == 48'000) return quality::kOpusWideband;
    if (audio.clock_rate > 16'000) return quality::kL16Wideband;
    return quality::kG711WithConcealment;
}

/// The far end's own word where it gives it: its path is the whole one. SSRCs and numbers pass the relay unchanged.
double loss_of(const LegStatistics::Audio& audio, const LegStatistics& to) {
    double loss = audio.loss;
    if (to.heard && to.heard->ssrc == audio.ssrc && audio.expected > 0)
        loss = std::max(
            loss, static_cast<double>(std::max(to.heard->cumulative_lost, 0)) / static_cast<double>(audio.expected));
    if (to.voip && to.voip->ssrc == audio.ssrc)
        loss = std::max(loss, 1 - (1 - to.voip->loss) * (1 - to.voip->discarded));
    return std::clamp(loss, 0.0, 1.0);
}

double delay_of(const LegStatistics::Audio& audio, const LegStatistics& from, const LegStatistics& to) {
    const double network = (from.round_trip_ms + to.round_trip_ms) / 2;
    const double buffer =
        to.voip && to.voip->end_system_ms > 0 ? to.voip->end_system_ms : kLeastBufferMs + 2 * audio.jitter_ms;
    return kPacketMs + kLookAheadMs + network + buffer;
}

void report(const rtp::VoipMetrics& voip, api::LegQuality& out) {
    out.reported = true;
    out.reported_loss = voip.loss;
    out.reported_discarded = voip.discarded;
    out.reported_r = voip.r_factor.value_or(0);
    out.reported_mos_lq = voip.mos_lq.value_or(0);
    out.reported_mos_cq = voip.mos_cq.value_or(0);
    out.reported_end_system_ms = voip.end_system_ms;
}

}  // namespace

api::LegQuality quality_of(const LegStatistics& from, const LegStatistics& to, SteadyTime now) {
    constexpr std::uint64_t kJudged = 25;  // half a second of packets
    api::LegQuality out;
    if (from.quiet_since != SteadyTime{})
        out.quiet_ms = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(now - from.quiet_since).count());
    if (to.voip) report(*to.voip, out);
    const auto audio = from.audio();
    if (!audio || audio->received < kJudged) return out;
    out.wideband = is_wideband(*audio);
    out.loss = loss_of(*audio, to);
    out.burst_ratio = audio->burst_ratio;
    out.delay_ms = delay_of(*audio, from, to);
    const quality::Conditions conditions{.loss = out.loss,
                                         .one_way = std::chrono::milliseconds{static_cast<std::int64_t>(out.delay_ms)},
                                         .burst_ratio = out.burst_ratio,
                                         .codec = impairment_of(*audio)};
    out.r = out.wideband ? quality::transmission_rating_wideband(conditions) : quality::transmission_rating(conditions);
    out.mos = out.wideband ? quality::mean_opinion_score_wideband(conditions) : quality::mean_opinion_score(conditions);
    return out;
}

}  // namespace carillon::relay
