#include "media/rtp/rtcp_xr.h"

namespace carillon::rtp {
namespace {

constexpr unsigned kXr = 207;
constexpr std::uint8_t kStatisticsSummary = 6;
constexpr std::uint8_t kVoipMetrics = 7;
constexpr std::uint8_t kUnknown = 127;  // §4.7: of R factors and MOS

unsigned octet(Bytes block, std::size_t at) { return std::to_integer<unsigned>(block[at]); }
double fraction(Bytes block, std::size_t at) { return octet(block, at) / 256.0; }

std::optional<double> mos(Bytes block, std::size_t at) {
    const auto value = octet(block, at);  // tenths, 10 to 50
    if (value == kUnknown || value < 10 || value > 50) return std::nullopt;
    return value / 10.0;
}

///  |     BT=7      |   reserved    |       block length = 8        |
///  |                        SSRC of source                         |
///  |   loss rate   | discard rate  | burst density |  gap density  |
///  |       burst duration          |         gap duration          |
///  |     round trip delay          |       end system delay        |
///  | signal level  |  noise level  |     RERL      |     Gmin      |
///  |   R factor    | ext. R factor |    MOS-LQ     |    MOS-CQ     |
///  |   RX config   |   reserved    |          JB nominal           |
///  |          JB maximum           |          JB abs max           |
Parsed<VoipMetrics> read_voip(Bytes block) {
    if (block.size() != 36) return std::unexpected{Errc::bad_length};
    VoipMetrics out{.ssrc = load_u32(&block[4]),
                    .loss = fraction(block, 8),
                    .discarded = fraction(block, 9),
                    .burst_density = fraction(block, 10),
                    .burst_ms = load_u16(&block[12]),
                    .round_trip_ms = load_u16(&block[16]),
                    .end_system_ms = load_u16(&block[18]),
                    .r_factor = {},
                    .mos_lq = mos(block, 26),
                    .mos_cq = mos(block, 27),
                    .jitter_buffer_ms = load_u16(&block[30])};
    if (const auto r = octet(block, 24); r <= 100) out.r_factor = r;
    return out;
}

///  |     BT=6      |L|D|J|ToH|rsvd.|       block length = 9        |
///  |                        SSRC of source                         |
///  |          begin_seq            |             end_seq           |
///  |                        lost_packets                           |
///  |                        dup_packets                            |
Parsed<StatisticsSummary> read_summary(Bytes block) {
    if (block.size() != 40) return std::unexpected{Errc::bad_length};
    StatisticsSummary out{.ssrc = load_u32(&block[4]), .lost = {}, .duplicates = {}};
    const auto flags = octet(block, 1);
    if ((flags & 0x80) != 0) out.lost = load_u32(&block[12]);
    if ((flags & 0x40) != 0) out.duplicates = load_u32(&block[16]);
    return out;
}

Parsed<void> read_blocks(Bytes blocks, ExtendedReports& out) {
    while (!blocks.empty()) {
        if (blocks.size() < 4) return std::unexpected{Errc::truncated};
        const std::size_t size = 4 * (std::size_t{load_u16(&blocks[2])} + 1);
        if (size > blocks.size()) return std::unexpected{Errc::bad_length};
        const auto block = blocks.first(size);
        const auto type = std::to_integer<std::uint8_t>(block[0]);
        ++out.blocks;
        if (type == kVoipMetrics) {
            const auto voip = read_voip(block);
            if (!voip) return std::unexpected{voip.error()};
            out.voip = *voip;
        } else if (type == kStatisticsSummary) {
            const auto summary = read_summary(block);
            if (!summary) return std::unexpected{summary.error()};
            out.summary = *summary;
        }
        blocks = blocks.subspan(size);
    }
    return {};
}

}  // namespace

Parsed<ExtendedReports> ExtendedReports::parse(Bytes datagram) {
    ExtendedReports out;
    while (!datagram.empty()) {
        if (datagram.size() < 4) return std::unexpected{Errc::truncated};
        if (octet(datagram, 0) >> 6 != 2) return std::unexpected{Errc::bad_version};
        const std::size_t size = 4 * (std::size_t{load_u16(&datagram[2])} + 1);
        if (size > datagram.size()) return std::unexpected{Errc::bad_length};
        if (octet(datagram, 1) == kXr) {
            if (size < 8) return std::unexpected{Errc::bad_length};
            if (const auto read = read_blocks(datagram.subspan(8, size - 8), out); !read)
                return std::unexpected{read.error()};
        }
        datagram = datagram.subspan(size);
    }
    return out;
}

}  // namespace carillon::rtp
