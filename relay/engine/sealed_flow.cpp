#include "relay/engine/sealed_flow.h"

#include <algorithm>

namespace carillon::relay {
namespace {

constexpr auto kIn = srtp::Direction::inbound;
constexpr auto kOut = srtp::Direction::outbound;

}  // namespace

bool SealedEnds::lend(carillon_flow& flow, carillon_srtp& srtp) const {
    const auto open = near->kernel_keys(kIn);
    const auto seal = far->kernel_keys(kOut);
    if (!open || !seal) return false;
    srtp.open = *open;
    srtp.seal = *seal;
    if (const auto* types = near->payload_types()) {
        srtp.maps = 1;
        std::ranges::copy(*types, srtp.payload_types);
    }
    auto* in = open->mode == CARILLON_SRTP_NONE ? nullptr : near->session(kIn);
    auto* out = seal->mode == CARILLON_SRTP_NONE ? nullptr : far->session(kOut);
    bool any = false;
    for (std::size_t i = 0; i < CARILLON_FLOW_STREAMS; ++i) {
        if (flow.streams[i].used == 0) continue;
        auto& stream = srtp.streams[i];
        const auto opened = in ? in->window(flow.streams[i].ssrc) : std::nullopt;
        const auto sealed = out ? out->window(flow.streams[i].ssrc) : std::nullopt;
        if ((in && !opened) || (out && !sealed)) {
            flow.streams[i].used = 0;
            continue;
        }
        any = true;
        if (opened) stream.opened = opened->highest;
        if (sealed) stream.sealed = sealed->highest;
        if (!opened && !sealed) continue;
        std::ranges::copy((opened ? opened : sealed)->seen, stream.seen);
    }
    return any;
}

void SealedEnds::take(const carillon_flow& flow, const carillon_srtp& srtp) const {
    auto* in = srtp.open.mode == CARILLON_SRTP_NONE ? nullptr : near->session(kIn);
    auto* out = srtp.seal.mode == CARILLON_SRTP_NONE ? nullptr : far->session(kOut);
    for (std::size_t i = 0; i < CARILLON_FLOW_STREAMS; ++i) {
        if (flow.streams[i].used == 0 || flow.streams[i].received == 0) continue;
        const auto& stream = srtp.streams[i];
        srtp::RtpWindow window;
        std::ranges::copy(stream.seen, window.seen.begin());
        // Both count in step, a multiple of 65,536 apart: the same place in the ring.
        window.highest = stream.opened;
        if (in) in->resume(flow.streams[i].ssrc, window);
        window.highest = stream.sealed;
        if (out) out->resume(flow.streams[i].ssrc, window);
    }
}

}  // namespace carillon::relay
