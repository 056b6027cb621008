#include "media/capture/stream.h"

#include <algorithm>

namespace carillon::capture {
namespace {

constexpr unsigned kMinRun = 3;  // RFC 3550 §A.1: MIN_SEQUENTIAL, and one more
constexpr unsigned kMinPackets = 5;
constexpr unsigned kMaxNesting = 2;  // a TURN message within a TURN message, and no more
constexpr std::uint16_t kSendIndication = 0x0016, kDataIndication = 0x0017, kDataAttribute = 0x0013;
constexpr std::uint32_t kMagicCookie = 0x2112A442;

bool is_stun(Bytes payload) {
    return payload.size() >= 20 && (std::to_integer<unsigned>(payload[0]) & 0xC0) == 0 &&
           load_u32(&payload[4]) == kMagicCookie;
}

/// The DATA attribute of a Send or Data indication.
std::optional<Bytes> data_of_indication(Bytes message) {
    const auto type = load_u16(message.data());
    if (type != kSendIndication && type != kDataIndication) return std::nullopt;
    ByteReader in{message.subspan(20)};
    while (const auto attribute = in.u16()) {
        const auto length = in.u16();
        if (!length) return std::nullopt;
        const auto value = in.take(*length);
        if (!value) return std::nullopt;
        if (*attribute == kDataAttribute) return value;
        in.skip((4 - *length % 4) % 4);
    }
    return std::nullopt;
}

}  // namespace

std::uint8_t CapturedStream::payload_type() const {
    return std::ranges::max_element(payload_types, {}, [](const auto& entry) { return entry.second; })->first;
}

bool StreamFinder::add(Datagram datagram) {
    ++contents_.datagrams;
    return add_payload(datagram, datagram.payload, 0, 0);
}

bool StreamFinder::add_payload(const Datagram& datagram, Bytes payload, std::uint16_t channel, unsigned depth) {
    const auto first = payload.empty() ? 0x100U : std::to_integer<unsigned>(payload[0]);
    if (depth > kMaxNesting || first > 191) {
        ++contents_.other;
    } else if (is_stun(payload)) {
        const auto data = data_of_indication(payload);
        if (!data) {
            ++contents_.stun;
            return true;
        }
        ++contents_.turn_indication;
        return add_payload(datagram, *data, channel, depth + 1);
    } else if (first >= 64 && first <= 79 && payload.size() >= 4 && payload.size() - 4 >= load_u16(&payload[2])) {
        ++contents_.turn_channel;
        return add_payload(datagram, payload.subspan(4, load_u16(&payload[2])), load_u16(payload.data()), depth + 1);
    } else if (first >= 20 && first <= 63) {
        ++contents_.dtls;
    } else if (rtp::looks_like_rtp_or_rtcp(payload)) {
        if (!rtp::is_rtcp(payload)) return add_rtp(datagram, payload, channel);
        ++contents_.rtcp;
    } else {
        ++contents_.other;
    }
    return true;
}

bool StreamFinder::add_rtp(const Datagram& datagram, Bytes packet, std::uint16_t channel) {
    const auto header = rtp::Header::parse(packet);
    if (!header) {
        ++contents_.other;
        return true;
    }
    const StreamKey key{datagram.source, datagram.destination, header->ssrc, channel};
    if (!candidates_.contains(key) && candidates_.size() >= limits_.streams) {
        ++contents_.other;
        return true;
    }
    if (++packets_ > limits_.packets || (octets_ += packet.size()) > limits_.octets) {
        contents_.truncated = "more packets than are read at once";
        return false;
    }
    auto& candidate = candidates_[key];
    const bool follows = candidate.last && rtp::SequenceNumber::distance(*candidate.last, header->sequence) == 1;
    candidate.in_sequence = follows ? candidate.in_sequence + 1 : 1;
    candidate.longest_run = std::max(candidate.longest_run, candidate.in_sequence);
    candidate.last = header->sequence;
    candidate.stream.key = key;
    ++candidate.stream.payload_types[header->payload_type];
    candidate.stream.packets.push_back({datagram.time, {packet.begin(), packet.end()}});
    return true;
}

CaptureContents StreamFinder::finish() {
    for (auto& [key, candidate] : candidates_) {
        if (candidate.longest_run >= kMinRun && candidate.stream.packets.size() >= kMinPackets) {
            contents_.streams.push_back(std::move(candidate.stream));
        } else {
            contents_.other += candidate.stream.packets.size();
        }
    }
    candidates_.clear();
    std::ranges::stable_sort(contents_.streams, {}, [](const auto& stream) { return stream.start(); });
    return std::move(contents_);
}

std::expected<CaptureContents, std::string> read_capture(const std::string& path, ReadLimits limits) {
    auto file = CaptureFile::open(path);
    if (!file) return std::unexpected{file.error()};
    DatagramReader datagrams{file->link()};
    StreamFinder finder{limits};
    bool room = true;
    while (room) {
        const auto frame = file->next();
        if (!frame) break;
        if (auto datagram = datagrams.read(*frame)) room = finder.add(std::move(*datagram));
    }
    auto contents = finder.finish();
    contents.leftover = datagrams.leftover();
    if (!file->error().empty()) contents.truncated = file->error();
    return contents;
}

}  // namespace carillon::capture
