#include "signaling/calls/hep/rtcp_json.h"

#include <boost/json.hpp>

namespace carillon::calls::hep {
namespace {

namespace json = boost::json;

constexpr unsigned kSenderReport = 200, kReceiverReport = 201, kDescription = 202, kExtended = 207;
constexpr unsigned kVoipMetrics = 7;
constexpr std::size_t kBlock = 24, kSenderInformation = 20;
constexpr std::size_t kMostItems = 16;

struct Piece {
    unsigned count = 0, type = 0;
    Bytes octets;  // with the head
};

std::optional<Piece> first_of(Bytes compound) {
    if (compound.size() < 8 || std::to_integer<unsigned>(compound[0]) >> 6 != 2) return std::nullopt;
    const std::size_t size = 4 * (std::size_t{load_u16(&compound[2])} + 1);
    if (size < 8 || size > compound.size()) return std::nullopt;
    return Piece{std::to_integer<unsigned>(compound[0]) & 0x1F, std::to_integer<unsigned>(compound[1]),
                 compound.first(size)};
}

/// A signed number of 24 bits.
std::int32_t packets_lost(std::uint32_t word) { return static_cast<std::int32_t>(word << 8) >> 8; }

json::object block_json(const std::byte* at) {
    const auto loss = load_u32(at + 4);
    return {{"source_ssrc", load_u32(at)},        {"fraction_lost", loss >> 24},
            {"packets_lost", packets_lost(loss)}, {"highest_seq_no", load_u32(at + 8)},
            {"ia_jitter", load_u32(at + 12)},     {"lsr", load_u32(at + 16)},
            {"dlsr", load_u32(at + 20)}};
}

void add_report(const Piece& piece, json::object& out) {
    std::size_t at = 8;
    out["type"] = piece.type;
    out["ssrc"] = load_u32(&piece.octets[4]);
    if (piece.type == kSenderReport) {
        if (piece.octets.size() < at + kSenderInformation) return;
        out["sender_information"] = {{"ntp_timestamp_sec", load_u32(&piece.octets[8])},
                                     {"ntp_timestamp_usec", load_u32(&piece.octets[12])},
                                     {"rtp_timestamp", load_u32(&piece.octets[16])},
                                     {"packets", load_u32(&piece.octets[20])},
                                     {"octets", load_u32(&piece.octets[24])}};
        at += kSenderInformation;
    }
    json::array blocks;
    for (unsigned i = 0; i < piece.count && at + kBlock <= piece.octets.size(); ++i, at += kBlock)
        blocks.push_back(block_json(&piece.octets[at]));
    out["report_count"] = blocks.size();
    out["report_blocks"] = std::move(blocks);
}

/// |SSRC| items: |type|length|text| up to 0; of the first chunk.
void add_description(const Piece& piece, json::object& out) {
    if (piece.count == 0) return;
    json::array items;
    for (std::size_t at = 8; at + 2 <= piece.octets.size() && items.size() < kMostItems;) {
        const auto type = std::to_integer<unsigned>(piece.octets[at]);
        const auto size = std::to_integer<std::size_t>(piece.octets[at + 1]);
        if (type == 0 || at + 2 + size > piece.octets.size()) break;
        std::string text{as_text(piece.octets.subspan(at + 2, size))};
        for (auto& c : text)
            if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
        items.push_back({{"type", type}, {"text", std::move(text)}});
        at += 2 + size;
    }
    out["sdes_ssrc"] = load_u32(&piece.octets[4]);
    out["sdes_report_count"] = items.size();
    out["sdes_information"] = std::move(items);
}

/// |type|reserved|length in words|SSRC|loss|discard|burst|gap|burst 16|gap 16|round trip 16|end system 16|...
void add_extended(const Piece& piece, json::object& out) {
    for (std::size_t at = 8; at + 4 <= piece.octets.size();) {
        const auto type = std::to_integer<unsigned>(piece.octets[at]);
        const std::size_t size = 4 * (std::size_t{load_u16(&piece.octets[at + 2])} + 1);
        if (at + size > piece.octets.size()) return;
        const auto* block = &piece.octets[at];
        const auto octet = [block](std::size_t i) { return std::to_integer<unsigned>(block[i]); };
        if (type == kVoipMetrics && size >= 20)
            out["report_blocks_xr"] = {{"type", type},
                                       {"id", load_u32(block + 4)},
                                       {"fraction_lost", octet(8)},
                                       {"fraction_discard", octet(9)},
                                       {"burst_density", octet(10)},
                                       {"gap_density", octet(11)},
                                       {"burst_duration", load_u16(block + 12)},
                                       {"gap_duration", load_u16(block + 14)},
                                       {"round_trip_delay", load_u16(block + 16)},
                                       {"end_system_delay", load_u16(block + 18)}};
        at += size;
    }
}

}  // namespace

std::optional<json::object> rtcp_json(Bytes compound) {
    json::object out;
    while (const auto piece = first_of(compound)) {
        const bool report = piece->type == kSenderReport || piece->type == kReceiverReport;
        if (report && !out.contains("type")) add_report(*piece, out);
        if (piece->type == kDescription && !out.contains("sdes_ssrc")) add_description(*piece, out);
        if (piece->type == kExtended) {
            if (!out.contains("type")) out["type"] = kExtended, out["ssrc"] = load_u32(&piece->octets[4]);
            add_extended(*piece, out);
        }
        compound = compound.subspan(piece->octets.size());
    }
    if (!out.contains("type")) return std::nullopt;
    return out;
}

}  // namespace carillon::calls::hep
