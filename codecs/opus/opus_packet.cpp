#include "codecs/opus/opus_packet.h"

#include <algorithm>
#include <array>
#include <optional>

namespace carillon::codecs::opus {
namespace {

constexpr std::size_t kLongestFrame = 1275;           // R2
constexpr unsigned kShortest = 120;                   // 2.5 ms
constexpr std::uint8_t kCeltFullband = 28u << 3;      // configurations 28 to 31: 2.5, 5, 10, 20 ms
constexpr std::uint8_t kConfiguration = 0xF8;         // of a TOC
constexpr std::size_t kMostFillingPackets = 100'000;  // more than three hours

/// §3.2.1: one octet up to 251, two from 252: 4 * second + first.
std::optional<std::size_t> frame_length(ByteReader& in) {
    const auto first = in.u8();
    if (!first || *first < 252) return first;
    const auto second = in.u8();
    if (!second) return std::nullopt;
    return std::size_t{4} * *second + *first;
}

bool fits(std::size_t length) { return length <= kLongestFrame; }

/// Code 3: M frames of the same or of their own length, with padding (figure 5).
std::optional<unsigned> count_of_many(ByteReader in) {
    const auto head = in.u8();
    if (!head) return std::nullopt;
    const unsigned count = *head & 0x3F;
    if (count == 0) return std::nullopt;
    std::size_t padding = 0;
    if ((*head & 0x40) != 0) {
        for (std::uint8_t next = 255; next == 255;) {
            const auto octet = in.u8();
            if (!octet) return std::nullopt;
            next = *octet;
            padding += next == 255 ? 254 : next;
        }
    }
    if ((*head & 0x80) == 0) {  // R6
        if (padding > in.size()) return std::nullopt;
        const auto rest = in.size() - padding;
        return rest % count == 0 && fits(rest / count) ? std::optional{count} : std::nullopt;
    }
    std::size_t sum = 0;  // R7
    for (unsigned i = 0; i + 1 < count; ++i) {
        const auto length = frame_length(in);
        if (!length || !fits(*length)) return std::nullopt;
        sum += *length;
    }
    if (sum + padding > in.size() || !fits(in.size() - sum - padding)) return std::nullopt;
    return count;
}

std::optional<unsigned> count_of(std::uint8_t toc, ByteReader in) {
    switch (toc & 3) {
        case 0:
            return fits(in.size()) ? std::optional{1u} : std::nullopt;
        case 1:  // R3
            return in.size() % 2 == 0 && fits(in.size() / 2) ? std::optional{2u} : std::nullopt;
        case 2: {  // R4
            const auto first = frame_length(in);
            const bool good = first && fits(*first) && *first <= in.size() && fits(in.size() - *first);
            return good ? std::optional{2u} : std::nullopt;
        }
        default:
            return count_of_many(in);
    }
}

/// `count` frames of nothing: a TOC alone, or code 3 with so many frames of no octets.
std::vector<std::byte> empty_frames(std::uint8_t configuration, unsigned count) {
    if (count == 1) return {std::byte{configuration}};
    return {static_cast<std::byte>(configuration | 3), static_cast<std::byte>(count)};
}

void fill(std::vector<std::vector<std::byte>>& out, std::uint8_t configuration, std::uint64_t& samples) {
    const unsigned frame = frame_samples(configuration);
    while (samples >= frame && out.size() < kMostFillingPackets) {
        const auto count = std::min<std::uint64_t>(
            {samples / frame, kLongestPacket / frame, std::uint64_t{kLongestPacket / kShortest}});
        out.push_back(empty_frames(configuration, static_cast<unsigned>(count)));
        samples -= count * frame;
    }
}

}  // namespace

unsigned frame_samples(std::uint8_t toc) {
    const unsigned configuration = toc >> 3;
    if (configuration < 12) return std::array{480u, 960u, 1920u, 2880u}[configuration % 4];  // SILK
    if (configuration < 16) return std::array{480u, 960u}[configuration % 2];                // hybrid
    return kShortest << (configuration % 4);                                                 // CELT
}

Parsed<PacketInfo> PacketInfo::parse(Bytes packet) {
    ByteReader in{packet};
    const auto toc = in.u8();
    if (!toc) return std::unexpected{Errc::truncated};  // R1
    const auto frames = count_of(*toc, in);
    if (!frames) return std::unexpected{Errc::bad_length};
    const unsigned samples = *frames * frame_samples(*toc);
    if (samples > kLongestPacket) return std::unexpected{Errc::bad_value};  // R5
    return PacketInfo{.toc = *toc, .frames = *frames, .samples = samples};
}

std::vector<std::vector<std::byte>> filling(std::uint8_t toc, std::uint64_t samples) {
    std::vector<std::vector<std::byte>> out;
    const auto stereo = static_cast<std::uint8_t>(toc & 0x04);
    fill(out, static_cast<std::uint8_t>(toc & (kConfiguration | 0x04)), samples);
    // What is left is shorter than that frame: a shorter one of the same mode first, CELT's for the last few.
    if (samples >= 480 && (toc >> 3) < 16) {
        const unsigned configuration = toc >> 3;
        const unsigned ten = configuration < 12 ? configuration & ~3u : configuration & ~1u;
        fill(out, static_cast<std::uint8_t>((ten << 3) | stereo), samples);
    }
    for (const unsigned step : {3u, 2u, 1u, 0u})
        fill(out, static_cast<std::uint8_t>((kCeltFullband + (step << 3)) | stereo), samples);
    return out;
}

}  // namespace carillon::codecs::opus
