#include "media/replay/outcome.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "media/quality/similarity.h"
#include "media/rtp/packet.h"

namespace carillon::replay {
namespace {

using capture::CapturedPacket;
using capture::Time;

double ms(Time time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// Sequence numbers with their cycles, as they come; late packets fall into the right cycle.
class Unwrapper {
  public:
    std::int64_t operator()(rtp::SequenceNumber sequence) {
        if (!highest_) highest_ = sequence.value;
        const auto ahead = rtp::SequenceNumber::distance({static_cast<std::uint16_t>(*highest_)}, sequence);
        const auto value = *highest_ + ahead;
        highest_ = std::max(*highest_, value);
        return value;
    }

  private:
    std::optional<std::int64_t> highest_;
};

struct Sent {
    const CapturedPacket* packet;
    bool arrived = false;
};

Bytes payload_of(const CapturedPacket& packet) {
    const auto header = rtp::Header::parse(packet.data);
    return header ? Bytes{packet.data}.subspan(header->size) : Bytes{};
}

std::optional<double> percentile(std::vector<double>& sorted, double share) {
    if (sorted.empty()) return std::nullopt;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
    return sorted[at];
}

void match(Outcome& out, const Evidence& evidence) {
    std::unordered_map<std::int64_t, Sent> sent;
    Unwrapper number_sent, number_received;
    for (const auto& packet : evidence.sent) {
        if (const auto header = rtp::Header::parse(packet.data))
            sent.try_emplace(number_sent(header->sequence), Sent{&packet});
    }
    std::vector<double> delays;
    for (const auto& packet : evidence.received) {
        const auto header = rtp::Header::parse(packet.data);
        if (!header) continue;
        const auto at = sent.find(number_received(header->sequence));
        if (at == sent.end() || at->second.arrived) continue;
        at->second.arrived = true;
        ++out.arrived;
        out.identical += std::ranges::equal(payload_of(packet), payload_of(*at->second.packet));
        delays.push_back(ms(packet.time - at->second.packet->time));
    }
    out.sent = sent.size();
    out.loss = sent.empty() ? 0 : 1 - static_cast<double>(out.arrived) / static_cast<double>(sent.size());
    std::ranges::sort(delays);
    out.delay_p50_ms = percentile(delays, 0.5);
    out.delay_p99_ms = percentile(delays, 0.99);
    out.delay_max_ms = percentile(delays, 1);
}

/// How alike the sound is, for streams whose payload was changed on the way.
void compare_sound(Outcome& out, const Evidence& evidence, const capture::PayloadMap& map, jitter::Limits playout) {
    if (evidence.received.empty()) return;
    const auto type_of = [](const CapturedPacket& packet) {
        return static_cast<std::uint8_t>(std::to_integer<unsigned>(packet.data[1]) & 0x7F);
    };
    const auto before = map.meaning(type_of(evidence.captured.front())),
               after = map.meaning(type_of(evidence.received.front()));
    if (!before.audio || !after.audio) return;
    const auto sent = capture::listen(evidence.sent, type_of(evidence.sent.front()), *before.audio, playout);
    const auto heard = capture::listen(evidence.received, type_of(evidence.received.front()), *after.audio, playout);
    if (sent.sample_rate != heard.sample_rate) return;
    const auto similarity = quality::compare(sent.samples, heard.samples, sent.sample_rate);
    out.alike = similarity.correlation;
    // With correlation r the best linear estimate leaves 1 - r^2 of the power as noise.
    const double r2 = std::min(similarity.correlation * similarity.correlation, 1 - 1e-9);
    out.snr_db = 10 * std::log10(r2 / (1 - r2));
}

}  // namespace

Outcome judge(std::string name, const Evidence& evidence, const capture::PayloadMap& map, jitter::Limits playout) {
    Outcome out{.name = std::move(name)};
    out.before = capture::figures_of(evidence.captured, map, playout);
    out.after = capture::figures_of(evidence.received, map, playout);
    match(out, evidence);
    std::vector<double> pacing;
    for (const auto off : evidence.pacing) pacing.push_back(std::abs(ms(off)));
    std::ranges::sort(pacing);
    out.pacing_p50_ms = percentile(pacing, 0.5);
    out.pacing_p99_ms = percentile(pacing, 0.99);
    out.pacing_max_ms = percentile(pacing, 1);
    if (out.identical < out.arrived) compare_sound(out, evidence, map, playout);
    return out;
}

}  // namespace carillon::replay
