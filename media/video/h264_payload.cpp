#include "media/video/h264_payload.h"

#include <algorithm>
#include <array>

namespace carillon::video {
namespace {

constexpr std::uint8_t kStapA = 24, kFuA = 28;
constexpr std::array kStartCode{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
constexpr std::size_t kMostUnits = 1'024;

void append(std::vector<std::byte>& out, Bytes piece) { out.insert(out.end(), piece.begin(), piece.end()); }

void add_unit(H264Payload& out, Bytes unit) {
    append(out.data, kStartCode);
    append(out.data, unit);
    out.key = out.key || nal_type(unit) == kNalIdr || nal_type(unit) == kNalSps;
}

/// §5.7.1: NAL units, each behind its size.
Parsed<H264Payload> read_aggregate(ByteReader in) {
    H264Payload out{.data = {}};
    while (!in.empty()) {
        const auto size = in.u16();
        const auto unit = in.take(size.value_or(0));
        if (!size || !unit || unit->empty()) return std::unexpected{Errc::truncated};
        add_unit(out, *unit);
    }
    if (out.data.empty()) return std::unexpected{Errc::truncated};
    return out;
}

/// §5.8: |S|E|R|type|, and a piece.
Parsed<H264Payload> read_fragment(std::uint8_t indicator, ByteReader in) {
    const auto head = in.u8();
    if (!head || in.empty()) return std::unexpected{Errc::truncated};
    H264Payload out{.data = {}, .starts = (*head & 0x80) != 0};
    if (out.starts) {
        const auto type = static_cast<std::uint8_t>(*head & 0x1F);
        append(out.data, kStartCode);
        out.data.push_back(static_cast<std::byte>((indicator & 0xE0) | type));
        out.key = type == kNalIdr || type == kNalSps;
    }
    append(out.data, in.rest());
    return out;
}

}  // namespace

Parsed<H264Payload> H264Payload::parse(Bytes payload) {
    ByteReader in{payload};
    const auto first = in.u8();
    if (!first || in.empty()) return std::unexpected{Errc::truncated};
    const auto type = *first & 0x1F;
    if (type == kStapA) return read_aggregate(in);
    if (type == kFuA) return read_fragment(*first, in);
    if (type == 0 || type > 23) return std::unexpected{Errc::bad_value};
    H264Payload out{.data = {}};
    add_unit(out, payload);
    return out;
}

std::vector<Bytes> nal_units(Bytes stream) {
    std::vector<Bytes> out;
    constexpr std::array kShort{std::byte{0}, std::byte{0}, std::byte{1}};
    auto code = std::search(stream.begin(), stream.end(), kShort.begin(), kShort.end());
    while (code != stream.end() && out.size() < kMostUnits) {
        const auto begin = code + 3;
        code = std::search(begin, stream.end(), kShort.begin(), kShort.end());
        auto end = code;
        while (end != begin && *(end - 1) == std::byte{0}) --end;  // a longer start code, or trailing zeros
        if (begin != end) out.emplace_back(begin, end);
    }
    return out;
}

namespace {

/// §5.7.1: units of one access unit that fit into one packet; one alone goes as it is.
std::vector<std::byte> aggregate(const std::vector<Bytes>& units) {
    if (units.size() == 1) return {units[0].begin(), units[0].end()};
    std::byte indicator{kStapA};
    for (const auto unit : units) indicator |= unit[0] & std::byte{0x80};  // F, when any has it
    const auto most = std::ranges::max(units, {}, [](Bytes unit) { return unit[0] & std::byte{0x60}; });
    std::vector<std::byte> out{indicator | (most[0] & std::byte{0x60})};
    for (const auto unit : units) {
        out.push_back(static_cast<std::byte>(unit.size() >> 8));
        out.push_back(static_cast<std::byte>(unit.size()));
        append(out, unit);
    }
    return out;
}

/// §5.8.
void fragment(Bytes unit, std::size_t most, std::vector<std::vector<std::byte>>& out) {
    const auto indicator = static_cast<std::byte>((std::to_integer<unsigned>(unit[0]) & 0xE0) | kFuA);
    for (auto rest = unit.subspan(1); !rest.empty();) {
        const auto piece = rest.first(std::min(rest.size(), most - 2));
        const bool first = rest.size() == unit.size() - 1;
        rest = rest.subspan(piece.size());
        std::vector<std::byte> packet{indicator,
                                      static_cast<std::byte>(first << 7 | rest.empty() << 6 | nal_type(unit))};
        append(packet, piece);
        out.push_back(std::move(packet));
    }
}

}  // namespace

std::vector<std::vector<std::byte>> packetize_h264(Bytes stream, std::size_t most) {
    std::vector<std::vector<std::byte>> out;
    if (most < 3) return out;
    std::vector<Bytes> together;
    std::size_t size = 1;
    const auto flush = [&] {
        if (!together.empty()) out.push_back(aggregate(together));
        together.clear();
        size = 1;
    };
    for (const auto unit : nal_units(stream)) {
        if (size + 2 + unit.size() > most) flush();
        if (unit.size() > most) {
            fragment(unit, most, out);
        } else if (unit.size() + 3 > most) {
            out.emplace_back(unit.begin(), unit.end());
        } else {
            together.push_back(unit);
            size += 2 + unit.size();
        }
    }
    flush();
    return out;
}

std::vector<std::byte> avc_configuration(Bytes stream) {
    Bytes sps, pps;
    for (const auto unit : nal_units(stream)) {
        if (nal_type(unit) == kNalSps && sps.empty()) sps = unit;
        if (nal_type(unit) == kNalPps && pps.empty()) pps = unit;
    }
    if (sps.size() < 4 || pps.empty() || sps.size() > 0xFFFF || pps.size() > 0xFFFF) return {};
    ByteWriter out;
    out.u8(1);                     // configurationVersion
    out.bytes(sps.subspan(1, 3));  // profile, compatibility, level
    out.u8(0xFF);                  // sizes of four octets
    out.u8(0xE1);                  // one sequence parameter set
    out.u16(static_cast<std::uint16_t>(sps.size()));
    out.bytes(sps);
    out.u8(1);
    out.u16(static_cast<std::uint16_t>(pps.size()));
    out.bytes(pps);
    return out.release();
}

std::vector<std::byte> with_sizes(Bytes stream) {
    ByteWriter out;
    for (const auto unit : nal_units(stream)) {
        out.u32(static_cast<std::uint32_t>(unit.size()));
        out.bytes(unit);
    }
    return out.release();
}

}  // namespace carillon::video
