/// What the kernel counts for a leg whose packets it forwards, and how that joins what is counted here.
#include <algorithm>

#include "relay/engine/leg_statistics.h"
#include "relay/engine/sound.h"

namespace carillon::relay {
namespace {

constexpr std::uint32_t kVideoClock = 90'000;

SteadyTime at(std::uint64_t ns) { return SteadyTime{std::chrono::nanoseconds{ns}}; }  // CLOCK_MONOTONIC is steady_clock

rtp::SequenceNumber sequence(std::uint64_t extended) { return {static_cast<std::uint16_t>(extended)}; }

}  // namespace

bool LegStatistics::describe(carillon_flow& flow) const {
    constexpr std::uint64_t kEnough = 100;  // packets, after which a clock that is not known will never be
    static_assert(CARILLON_FLOW_STREAMS == kMaxStreams);
    std::size_t described = 0;
    for (const auto& stream : streams_) {
        const auto rate = stream.clock.rate();
        if (!stream.used || (rate == 0 && stream.reception.received() < kEnough)) continue;
        flow.streams[described++] = {.jitter = static_cast<std::uint64_t>(stream.reception.jitter_timestamps() * 16),
                                     .ssrc = stream.ssrc,
                                     .clock_rate = rate,
                                     .used = 1};
    }
    return described > 0;
}

LegStatistics::Stream* LegStatistics::of(std::uint32_t ssrc) {
    const auto found =
        std::ranges::find_if(streams_, [&](const Stream& stream) { return stream.used && stream.ssrc == ssrc; });
    return found == streams_.end() ? nullptr : &*found;
}

void LegStatistics::add(const carillon_flow& measured, const carillon_flow& before) {
    if (measured.packets == before.packets) return;
    packets += measured.packets - before.packets;
    bytes += measured.octets - before.octets;
    last_media = std::max(last_media, at(measured.arrived));
    for (std::size_t i = 0; i < kMaxStreams; ++i) {
        const auto& now = measured.streams[i];
        const auto& then = before.streams[i];
        auto* stream = now.used != 0 ? of(now.ssrc) : nullptr;
        if (!stream || (now.received == then.received && now.duplicates == then.duplicates)) continue;
        stream->reception.add({.received = now.received - then.received,
                               .late = now.late - then.late,
                               .duplicates = now.duplicates - then.duplicates,
                               .ahead = now.highest - (then.received > 0 ? then.highest : now.first),
                               .first = sequence(now.first),
                               .highest = sequence(now.highest),
                               .seen = now.seen,
                               .jitter_timestamps = static_cast<double>(now.jitter) / 16,
                               .timestamp = now.timestamp,
                               .arrival = std::chrono::nanoseconds{now.arrived}});
        stream->bursts.add(sequence(now.highest), now.received - then.received,
                           static_cast<std::int64_t>(now.gone - then.gone),
                           static_cast<std::int64_t>(now.bursts - then.bursts));
    }
    if (measured.sampled != before.sampled) look_at_sample(measured);
}

void LegStatistics::look_at_sample(const carillon_flow& measured) {
    const auto size = std::min<std::size_t>(measured.sample_length, CARILLON_FLOW_SAMPLE);
    const Bytes packet{reinterpret_cast<const std::byte*>(measured.sample), size};
    const auto header = rtp::Header::parse(packet);
    const auto* stream = header ? of(header->ssrc) : nullptr;
    if (!stream || stream->clock.rate() == kVideoClock) return;
    if (carries_sound(*header, packet, clear_)) {
        quiet_since = {};
    } else if (quiet_since == SteadyTime{}) {
        quiet_since = at(measured.sampled);
    }
}

}  // namespace carillon::relay
