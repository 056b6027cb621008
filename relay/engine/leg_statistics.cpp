#include "relay/engine/leg_statistics.h"

#include <cmath>

#include "relay/engine/sound.h"

namespace carillon::relay {

std::uint32_t ClockRate::on_packet(const rtp::Header& header, std::chrono::nanoseconds arrival) {
    using namespace std::chrono_literals;
    if (header.payload_type != payload_type_) {
        payload_type_ = header.payload_type;
        first_timestamp_ = header.timestamp;
        first_arrival_ = arrival;
        // RFC 3551 table 4 and 5: static types are 8 kHz, but L16 (10, 11), DVI4 (6, 16, 17), MPA (14) and video.
        const auto type = header.payload_type;
        rate_ = type >= 96                 ? 0
                : type == 10 || type == 11 ? 44100
                : type == 6                ? 16000
                : type == 14 || type >= 24 ? 90000
                                           : 8000;
        return rate_;
    }
    if (rate_ != 0 || arrival - first_arrival_ < 500ms) return rate_;
    const double seconds = std::chrono::duration<double>(arrival - first_arrival_).count();
    const double measured = static_cast<std::int32_t>(header.timestamp - first_timestamp_) / seconds;
    for (const std::uint32_t rate : {8000u, 16000u, 48000u, 90000u}) {
        if (std::abs(measured - rate) < 0.2 * rate) rate_ = rate;
    }
    first_timestamp_ = header.timestamp;  // not judged yet: measure anew
    first_arrival_ = arrival;
    return rate_;
}

void LegStatistics::on_media(Bytes datagram, SteadyTime now, bool clear) {
    ++packets;
    bytes += datagram.size();
    last_media = now;
    clear_ = clear;
    if (!rtp::looks_like_rtp_or_rtcp(datagram) || rtp::is_rtcp(datagram)) return;
    const auto header = rtp::Header::parse(datagram);
    if (!header) return;
    for (auto& stream : streams_) {
        if (stream.used && stream.ssrc != header->ssrc) continue;
        stream.used = true;
        stream.ssrc = header->ssrc;
        const auto arrival = now.time_since_epoch();
        const auto rate = stream.clock.on_packet(*header, arrival);
        if (stream.reception.on_packet(*header, arrival, rate) == rtp::Reception::Verdict::in_order) {
            stream.timestamp = header->timestamp;
            stream.at = now;
        }
        stream.bursts.on_packet(*header);
        if (rate == 90'000) return;  // video
        if (carries_sound(*header, datagram, clear)) {
            quiet_since = {};
        } else if (quiet_since == SteadyTime{}) {
            quiet_since = now;
        }
        return;
    }
}

void LegStatistics::on_rtcp(Bytes datagram, SteadyTime now, LegStatistics& other) {
    const auto summary = rtp::RtcpSummary::parse(datagram);
    if (!summary) return;
    if (summary->sender_report_mid_ntp) {
        reports_[next_report_] = {*summary->sender_report_mid_ntp, now};
        next_report_ = (next_report_ + 1) % reports_.size();
    }
    if (const auto extended = rtp::ExtendedReports::parse(datagram); extended && extended->voip) voip = extended->voip;
    if (summary->first_report) heard = summary->first_report;
    if (!summary->first_report || summary->first_report->last_sr == 0) return;
    // SRTCP is encrypted behind the first eight octets; what looks like a report there names no SR that passed here.
    for (const auto& report : other.reports_) {
        if (report.mid_ntp != summary->first_report->last_sr || report.passed == SteadyTime{}) continue;
        const double held = summary->first_report->delay_since_sr / 65536.0;
        const double trip = std::chrono::duration<double>(now - report.passed).count() - held;
        if (trip >= 0 && trip < 10) round_trip_ms = trip * 1000;
    }
}

std::optional<LegStatistics::Audio> LegStatistics::audio() const {
    const Stream* most = nullptr;
    for (const auto& stream : streams_) {
        const auto rate = stream.clock.rate();
        if (!stream.used || rate == 0 || rate == 90'000) continue;
        if (!most || stream.reception.received() > most->reception.received()) most = &stream;
    }
    if (!most) return std::nullopt;
    return Audio{.ssrc = most->ssrc,
                 .clock_rate = most->clock.rate(),
                 .payload_type = most->clock.payload_type(),
                 .received = most->reception.received(),
                 .expected = most->reception.expected(),
                 .loss = most->reception.loss(),
                 .burst_ratio = most->bursts.burst_ratio(),
                 .jitter_ms = static_cast<double>(most->reception.jitter().count()) / 1e6};
}

std::optional<StreamPoint> LegStatistics::latest(const std::bitset<128>& types) const {
    const Stream* found = nullptr;
    for (const auto& stream : streams_) {
        if (!stream.used || stream.clock.payload_type() > 127 || !types.test(stream.clock.payload_type())) continue;
        if (!found || stream.at > found->at) found = &stream;
    }
    if (!found) return std::nullopt;
    return StreamPoint{.ssrc = found->ssrc,
                       .sequence = static_cast<std::uint16_t>(found->reception.highest_sequence()),
                       .timestamp = found->timestamp,
                       .at = found->at};
}

std::uint64_t LegStatistics::expected() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.reception.expected();
    return sum;
}
std::uint64_t LegStatistics::lost() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.reception.lost();
    return sum;
}
std::uint64_t LegStatistics::late() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.reception.late();
    return sum;
}
std::uint64_t LegStatistics::duplicates() const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream.reception.duplicates();
    return sum;
}
double LegStatistics::jitter_ms() const {
    const Stream* most = &streams_.front();
    for (const auto& stream : streams_) {
        if (stream.reception.received() > most->reception.received()) most = &stream;
    }
    return static_cast<double>(most->reception.jitter().count()) / 1e6;
}

}  // namespace carillon::relay
