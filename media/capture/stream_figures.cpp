#include "media/capture/stream_figures.h"

#include <algorithm>
#include <array>

#include "media/quality/e_model.h"
#include "media/rtp/reception.h"
#include "media/rtp/telephone_event.h"

namespace carillon::capture {
namespace {

constexpr Time kTick = std::chrono::milliseconds{20};
constexpr std::size_t kMaxDecoded = 5760;  // 120 ms at 48 kHz
constexpr std::size_t kMaxSamples = std::size_t{48000} * 3600 * 4;
constexpr std::size_t kMaxDigits = 256;
constexpr double kPacketization = 20;  // ms of delay that a frame costs before it leaves

double ms(Time time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::uint8_t most_used(std::span<const CapturedPacket> packets) {
    std::array<std::size_t, 128> count{};
    for (const auto& packet : packets) ++count[std::to_integer<std::size_t>(packet.data[1]) & 0x7F];
    return static_cast<std::uint8_t>(std::ranges::max_element(count) - count.begin());
}

/// Without CSRCs, extension and padding. Empty when the padding is longer than the packet.
Bytes payload_of(const rtp::Header& header, Bytes packet) {
    auto payload = packet.subspan(header.size);
    if ((std::to_integer<unsigned>(packet[0]) & 0x20) == 0 || payload.empty()) return payload;
    const auto padding = std::to_integer<std::size_t>(payload.back());
    return padding > payload.size() ? Bytes{} : payload.first(payload.size() - padding);
}

/// Plays `samples` worth of one pop() into `out`.
std::size_t play_one(jitter::JitterBuffer& buffer, codecs::Decoder& decoder, std::span<std::int16_t> room,
                     std::size_t frame, const codecs::AudioFormat& format) {
    using State = jitter::JitterBuffer::State;
    const auto next = buffer.pop();
    std::size_t samples = next.state == State::frame ? decoder.decode(next.payload, room) : 0;
    if (samples == 0) {
        samples = frame;
        if (next.state == State::silence) {
            std::ranges::fill(room.first(samples), std::int16_t{0});
        } else {
            decoder.conceal(room.first(samples));
        }
    }
    if (next.state != State::waiting) {
        buffer.played(static_cast<std::uint32_t>(samples * format.clock_rate / format.sample_rate));
    }
    return samples;
}

double opinion(const StreamFigures& figures, const Heard& heard, codecs::AudioCodec codec) {
    if (figures.expected == 0) return 0;
    const auto unplayed = static_cast<double>(heard.playout.late + heard.playout.skipped);
    return quality::mean_opinion_score(quality::Conditions{
        .loss = std::min(1.0, figures.loss + unplayed / static_cast<double>(figures.expected)),
        .one_way = std::chrono::milliseconds{static_cast<long>(heard.delay_ms + kPacketization)},
        .codec = codec == codecs::AudioCodec::opus ? quality::kOpus : quality::kG711WithConcealment});
}

}  // namespace

Heard listen(std::span<const CapturedPacket> packets, std::uint8_t payload_type, codecs::AudioCodec codec,
             jitter::Limits playout) {
    const auto& format = codecs::format_of(codec);
    Heard heard{.samples = {}, .sample_rate = format.sample_rate, .playout = {}};
    if (packets.empty()) return heard;
    jitter::JitterBuffer buffer{format.clock_rate, playout};
    const auto decoder = codecs::make_decoder(codec);
    const std::size_t frame = format.sample_rate / 50;
    std::array<std::int16_t, kMaxDecoded> room{};
    std::vector<std::int16_t> decoded;
    double delay_sum = 0;
    std::size_t ticks = 0, at = 0;
    const auto end = packets.back().time + playout.maximum;
    for (Time now = packets.front().time; now <= end && heard.samples.size() < kMaxSamples; now += kTick, ++ticks) {
        for (; at < packets.size() && packets[at].time <= now; ++at) {
            const auto header = rtp::Header::parse(packets[at].data);
            if (!header || header->payload_type != payload_type) continue;
            buffer.push(header->sequence.value, header->timestamp, payload_type, payload_of(*header, packets[at].data));
        }
        while (decoded.size() < frame) {
            const auto samples = play_one(buffer, *decoder, room, frame, format);
            decoded.insert(decoded.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(samples));
        }
        delay_sum += static_cast<double>(buffer.depth().count());
        heard.samples.insert(heard.samples.end(), decoded.begin(),
                             decoded.begin() + static_cast<std::ptrdiff_t>(frame));
        decoded.erase(decoded.begin(), decoded.begin() + static_cast<std::ptrdiff_t>(frame));
    }
    heard.playout = buffer.counters();
    heard.delay_ms = ticks ? delay_sum / static_cast<double>(ticks) : 0;
    return heard;
}

StreamFigures figures_of(std::span<const CapturedPacket> packets, const PayloadMap& map, jitter::Limits playout) {
    StreamFigures figures;
    if (packets.empty()) return figures;
    const auto main_type = most_used(packets);
    const auto meaning = map.meaning(main_type);
    rtp::Reception reception;
    rtp::EventDetector events;
    Time before = packets.front().time;
    for (const auto& packet : packets) {
        const auto header = rtp::Header::parse(packet.data);
        if (!header) continue;
        ++figures.packets;
        figures.octets += packet.data.size();
        figures.longest_gap_ms = std::max(figures.longest_gap_ms, ms(packet.time - before));
        before = packet.time;
        // Other payload types run at their own clocks: they count for loss, not for jitter.
        const auto rate = header->payload_type == main_type ? meaning.clock_rate : 0;
        const auto verdict = reception.on_packet(*header, packet.time, rate);
        figures.duplicates += verdict == rtp::Reception::Verdict::duplicate;
        figures.reordered += verdict == rtp::Reception::Verdict::late;
        if (map.meaning(header->payload_type).name == "telephone-event") {
            const auto digit = events.on_packet(*header, payload_of(*header, packet.data));
            if (digit && figures.digits.size() < kMaxDigits) figures.digits += *digit;
        }
    }
    figures.expected = reception.expected();
    figures.lost = reception.lost();
    figures.loss = reception.loss();
    figures.jitter_ms = ms(reception.jitter());
    figures.seconds = ms(packets.back().time - packets.front().time) / 1000;
    if (meaning.audio)
        figures.mos = opinion(figures, listen(packets, main_type, *meaning.audio, playout), *meaning.audio);
    return figures;
}

}  // namespace carillon::capture
