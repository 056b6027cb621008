#include "media/rtp/rtcp.h"

#include "media/rtp/report_block.h"

namespace carillon::rtp {
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
