#include "relay/tap/stream_taps.h"

#include <algorithm>

#include "media/rtp/packet.h"

namespace carillon::relay {

bool StreamTaps::remove(const Tap& tap) {
    std::erase_if(taps_, [&](const Entry& entry) { return entry.tap.get() == &tap; });
    return taps_.empty();
}

void StreamTaps::arrived(std::uint8_t leg, int fd, Bytes datagram, const Address& from) noexcept {
    wire({leg, fd}, datagram, from, true);
}
void StreamTaps::leaves(std::uint8_t leg, int fd, Bytes datagram, const Address& to) noexcept {
    wire({leg, fd}, datagram, to, false);
}
void StreamTaps::opened(std::uint8_t leg, int fd, Bytes packet, bool rtcp, const Address& from) noexcept {
    clear({leg, fd}, packet, from, true, rtcp);
}
void StreamTaps::about_to_seal(std::uint8_t leg, int fd, Bytes packet, bool rtcp, const Address& to) noexcept {
    clear({leg, fd}, packet, to, false, rtcp);
}

TapHeader StreamTaps::header(Socket at, Bytes data, const Address& remote, bool incoming) const noexcept {
    TapHeader out{.time = std::chrono::steady_clock::now(),
                  .local = {},
                  .remote = remote,
                  .size = static_cast<std::uint32_t>(data.size()),
                  .incoming = incoming};
    out.leg = at.leg;
    const auto place =
        std::ranges::find_if(places_, [&](const Place& each) { return each.fd == at.fd && each.leg == at.leg; });
    if (place != places_.end()) out.local = place->local;
    return out;
}

void StreamTaps::wire(Socket at, Bytes datagram, const Address& remote, bool incoming) noexcept {
    const bool media = rtp::looks_like_rtp_or_rtcp(datagram);
    auto head = header(at, datagram, remote, incoming);
    for (const auto& [tap, stream] : taps_) {
        const auto& view = tap->view;
        const bool comes_opened = view.opened && bridged_ && media;
        const bool other = !media || rtp::is_rtcp(datagram);
        if (comes_opened || (view.rtp_only && other) || (!incoming && !view.outgoing)) continue;
        if (tap->ended.load(std::memory_order_relaxed)) continue;
        head.stream = stream;
        tap->ring.push(head, datagram, view.keep);
    }
}

void StreamTaps::clear(Socket at, Bytes packet, const Address& remote, bool incoming, bool rtcp) noexcept {
    auto head = header(at, packet, remote, incoming);
    head.opened = true;
    head.rtcp = rtcp;
    for (const auto& [tap, stream] : taps_) {
        const auto& view = tap->view;
        if (!view.opened || (view.rtp_only && rtcp) || (!incoming && !view.outgoing)) continue;
        if (tap->ended.load(std::memory_order_relaxed)) continue;
        head.stream = stream;
        tap->ring.push(head, packet, view.keep);
    }
}

}  // namespace carillon::relay
