#include "media/rtp/rtcp.h"

namespace carillon::rtp {
namespace {

ReportBlock read_block(const std::byte* at) {
    auto lost = static_cast<std::int32_t>(load_u32(at + 4) & 0xFFFFFF);
    if (lost & 0x800000) lost -= 0x1000000;  // 24 bits, signed
    return {.ssrc = load_u32(at),
            .fraction_lost = std::to_integer<std::uint8_t>(at[4]),
            .cumulative_lost = lost,
            .highest_sequence = load_u32(at + 8),
            .jitter = load_u32(at + 12),
            .last_sr = load_u32(at + 16),
            .delay_since_sr = load_u32(at + 20)};
}

}  // namespace

Parsed<RtcpSummary> RtcpSummary::parse(Bytes datagram) {
    RtcpSummary summary;
    while (!datagram.empty()) {
        // |V=2|P|    RC   |      PT       |     length in words - 1       |
        if (datagram.size() < 4) return std::unexpected{Errc::truncated};
        const auto first = std::to_integer<unsigned>(datagram[0]);
        if (first >> 6 != 2) return std::unexpected{Errc::bad_version};
        const auto type = std::to_integer<unsigned>(datagram[1]);
        const std::size_t size = 4 * (std::size_t{load_u16(datagram.data() + 2)} + 1);
        if (size > datagram.size()) return std::unexpected{Errc::bad_length};
        const auto packet = datagram.first(size);
        const std::size_t count = first & 0x1F;
        const bool sender = type == static_cast<unsigned>(RtcpType::sender_report);
        if (sender || type == static_cast<unsigned>(RtcpType::receiver_report)) {
            const std::size_t blocks_at = sender ? 28 : 8;
            if (size < blocks_at + 24 * count) return std::unexpected{Errc::bad_length};
            summary.sender_ssrc = load_u32(packet.data() + 4);
            if (sender && !summary.sender_report_mid_ntp) summary.sender_report_mid_ntp = load_u32(packet.data() + 10);
            if (count > 0 && !summary.first_report) summary.first_report = read_block(packet.data() + blocks_at);
        }
        if (type == static_cast<unsigned>(RtcpType::bye)) summary.has_bye = true;
        ++summary.packets;
        datagram = datagram.subspan(size);
    }
    if (summary.packets == 0) return std::unexpected{Errc::truncated};
    return summary;
}

}  // namespace carillon::rtp
