/// RTP headers never claim more than the datagram has; reception books stay consistent whatever arrives.
#include <cstdlib>

#include "media/rtp/loss_bursts.h"
#include "media/rtp/packet.h"
#include "media/rtp/reception.h"
#include "media/rtp/rtcp.h"
#include "media/rtp/rtcp_xr.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), size};
    if (const auto header = rtp::Header::parse(input); header && header->size > size) std::abort();
    (void)rtp::RtcpSummary::parse(input);
    if (const auto reports = rtp::ExtendedReports::parse(input); reports && reports->voip) {
        const auto& voip = *reports->voip;
        if (voip.loss > 1 || voip.discarded > 1 || voip.r_factor.value_or(0) > 100) std::abort();
        if (voip.mos_lq.value_or(1) < 1 || voip.mos_cq.value_or(5) > 5) std::abort();
    }
    // The same octets as a run of sequence numbers and arrival times.
    rtp::Reception reception;
    rtp::LossBursts bursts;
    std::chrono::nanoseconds arrival{1};
    for (std::size_t i = 0; i + 4 <= size; i += 4) {
        rtp::Header header;
        header.sequence.value = load_u16(input.data() + i);
        header.timestamp = header.sequence.value * 160u;
        arrival += std::chrono::microseconds{load_u16(input.data() + i + 2)};
        reception.on_packet(header, arrival, 8000);
        bursts.on_packet(header);
        if (!(bursts.burst_ratio() >= 1)) std::abort();
        if (reception.loss() < 0 || reception.loss() > 1 || reception.jitter().count() < 0) std::abort();
        if (reception.lost() > reception.expected()) std::abort();
    }
    return 0;
}
