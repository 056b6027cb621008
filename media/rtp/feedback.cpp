#include "media/rtp/feedback.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "media/rtp/report_block.h"

namespace carillon::rtp {
namespace {

using Tell = std::function<void(const Feedback& said)>;

constexpr unsigned kSenderReport = 200, kReceiverReport = 201, kDescription = 202, kTransport = 205, kPayload = 206;
constexpr unsigned kNack = 1, kPictureLoss = 1, kFullIntra = 4, kApplication = 15;
constexpr std::uint32_t kRemb = 0x52454D42;  // "REMB"
constexpr std::size_t kHead = 12;            // of a feedback message: both SSRCs are in it

struct Piece {
    unsigned count = 0;  // or format
    unsigned type = 0;
    std::size_t size = 0;
};

/// |V=2|P|  count  |      PT       |     length in words - 1       |
std::optional<Piece> first_of(Bytes compound) {
    if (compound.size() < 8 || std::to_integer<unsigned>(compound[0]) >> 6 != 2) return std::nullopt;
    const std::size_t size = 4 * (std::size_t{load_u16(&compound[2])} + 1);
    if (size < 8 || size > compound.size()) return std::nullopt;
    return Piece{std::to_integer<unsigned>(compound[0]) & 0x1F, std::to_integer<unsigned>(compound[1]), size};
}

void read_report(Bytes packet, const Piece& piece, const Tell& tell) {
    std::size_t at = 8;
    if (piece.type == kSenderReport) {
        if (packet.size() < 28) return;
        const auto ntp = std::uint64_t{load_u32(&packet[8])} << 32 | load_u32(&packet[12]);
        tell(SenderTime{load_u32(&packet[4]), ntp, load_u32(&packet[16])});
        at = 28;
    }
    for (unsigned i = 0; i < piece.count && at + 24 <= packet.size(); ++i, at += 24) tell(read_block(&packet[at]));
}

/// Chunks of an SSRC and items, each item |type|length|text|, the last one 0, up to a word's end.
void read_descriptions(Bytes packet, unsigned count, const Tell& tell) {
    std::size_t at = 4;
    for (unsigned i = 0; i < count && at + 4 <= packet.size(); ++i) {
        const auto ssrc = load_u32(&packet[at]);
        at += 4;
        while (at + 1 < packet.size() && packet[at] != std::byte{0}) {
            const auto size = std::to_integer<std::size_t>(packet[at + 1]);
            if (at + 2 + size > packet.size()) return;
            if (packet[at] == std::byte{1}) tell(CanonicalName{ssrc, as_text(packet.subspan(at + 2, size))});
            at += 2 + size;
        }
        at = (at / 4 + 1) * 4;
    }
}

/// "REMB", how many SSRCs, |exponent 6|mantissa 18|.
void read_application(Bytes packet, const Tell& tell) {
    if (packet.size() < kHead + 8 || load_u32(&packet[kHead]) != kRemb) return;
    const auto word = load_u32(&packet[kHead + 4]);
    const auto exponent = word >> 18 & 0x3F;
    const std::uint64_t mantissa = word & 0x3FFFF;
    tell(ReceiverEstimate{exponent > 45 ? ~std::uint64_t{0} : mantissa << exponent});
}

void read_message(Bytes packet, const Piece& piece, const Tell& tell) {
    if (packet.size() < kHead) return;
    const auto media = load_u32(&packet[8]);
    if (piece.type == kPayload && piece.count == kPictureLoss) tell(PictureLoss{media});
    if (piece.type == kPayload && piece.count == kApplication) read_application(packet, tell);
    if (piece.type == kPayload && piece.count == kFullIntra)
        for (std::size_t at = kHead; at + 8 <= packet.size(); at += 8)
            tell(FullIntra{load_u32(&packet[at]), std::to_integer<std::uint8_t>(packet[at + 4])});
    if (piece.type == kTransport && piece.count == kNack)
        for (std::size_t at = kHead; at + 4 <= packet.size(); at += 4)
            tell(Nack{media, load_u16(&packet[at]), load_u16(&packet[at + 2])});
}

bool is_feedback(const Piece& piece) { return piece.type == kTransport || piece.type == kPayload; }

/// Whether a feedback message names one of those streams; FIR and REMB name them behind the head.
bool is_about(Bytes packet, const Piece& piece, std::span<const std::uint32_t> streams) {
    const auto named = [&](std::size_t at) {
        return at + 4 <= packet.size() && std::ranges::find(streams, load_u32(&packet[at])) != streams.end();
    };
    if (packet.size() < kHead || streams.empty()) return false;
    if (named(8)) return true;
    if (piece.type != kPayload) return false;
    bool any = false;
    if (piece.count == kFullIntra)
        for (std::size_t at = kHead; at + 8 <= packet.size(); at += 8) any = any || named(at);
    if (piece.count == kApplication && packet.size() >= kHead + 8 && load_u32(&packet[kHead]) == kRemb)
        for (unsigned i = 0; i < std::to_integer<unsigned>(packet[kHead + 4]); ++i)
            any = any || named(kHead + 8 + 4 * i);
    return any;
}

template <class Keep>
std::size_t keep_pieces(std::span<std::byte> compound, const Keep& keep) {
    std::size_t kept = 0, at = 0;
    while (const auto piece = first_of(compound.subspan(at))) {
        if (keep(compound.subspan(at, piece->size), *piece)) {
            if (kept != at) std::memmove(&compound[kept], &compound[at], piece->size);
            kept += piece->size;
        }
        at += piece->size;
    }
    return kept;
}

ByteWriter message(unsigned type, unsigned format, std::size_t more, std::uint32_t sender, std::uint32_t media) {
    ByteWriter out;
    out.u32(0x80'C9'0001);
    out.u32(sender);
    out.u8(static_cast<std::uint8_t>(0x80 | format));
    out.u8(static_cast<std::uint8_t>(type));
    out.u16(static_cast<std::uint16_t>((kHead + more) / 4 - 1));
    out.u32(sender);
    out.u32(media);
    return out;
}

}  // namespace

void read_feedback(Bytes compound, const Tell& tell) {
    while (const auto piece = first_of(compound)) {
        const auto packet = compound.first(piece->size);
        if (piece->type == kSenderReport || piece->type == kReceiverReport) read_report(packet, *piece, tell);
        if (piece->type == kDescription) read_descriptions(packet, piece->count, tell);
        if (piece->type == kTransport || piece->type == kPayload) read_message(packet, *piece, tell);
        compound = compound.subspan(piece->size);
    }
}

std::size_t without_feedback(std::span<std::byte> compound, std::span<const std::uint32_t> kept) noexcept {
    return keep_pieces(compound, [kept](Bytes packet, const Piece& piece) {
        return !is_feedback(piece) || is_about(packet, piece, kept);
    });
}

std::size_t only_feedback(std::span<std::byte> compound, std::span<const std::uint32_t> kept) noexcept {
    return keep_pieces(compound, [kept](Bytes packet, const Piece& piece) {
        return is_feedback(piece) && is_about(packet, piece, kept);
    });
}

std::vector<std::byte> full_intra(std::uint32_t sender, std::uint32_t media, std::uint8_t number) {
    auto out = message(kPayload, kFullIntra, 8, sender, 0);
    out.u32(media);
    out.u8(number);
    out.zeros(3);
    return out.release();
}

std::vector<std::byte> nack(std::uint32_t sender, std::uint32_t media, std::span<const std::uint16_t> sequences) {
    std::vector<Nack> pairs;
    for (const auto sequence : sequences) {
        const auto ahead = pairs.empty() ? 0 : static_cast<std::uint16_t>(sequence - pairs.back().sequence);
        if (!pairs.empty() && ahead >= 1 && ahead <= 16) {
            pairs.back().behind = static_cast<std::uint16_t>(pairs.back().behind | 1u << (ahead - 1));
        } else {
            pairs.push_back({media, sequence, 0});
        }
    }
    auto out = message(kTransport, kNack, 4 * pairs.size(), sender, media);
    for (const auto& pair : pairs) {
        out.u16(pair.sequence);
        out.u16(pair.behind);
    }
    return out.release();
}

std::vector<std::byte> receiver_estimate(std::uint32_t sender, std::uint32_t media, std::uint64_t bitrate) {
    unsigned exponent = 0;
    while (bitrate > 0x3FFFF) {
        bitrate >>= 1;
        ++exponent;
    }
    auto out = message(kPayload, kApplication, 12, sender, 0);
    out.u32(kRemb);
    out.u32(1u << 24 | exponent << 18 | static_cast<std::uint32_t>(bitrate));
    out.u32(media);
    return out.release();
}

}  // namespace carillon::rtp
