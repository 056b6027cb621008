/// One mirror of a session's packets: what of them is wanted, and the ring they go through.
/// Spec: docs/capture.md.
/// Not here: which streams feed it (stream_taps.h), what becomes of the packets (tap_sink.h).
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "relay/tap/tap_ring.h"

namespace carillon::relay {

struct TapView {
    bool opened = false;        ///< bridged legs: as between them, without SRTP; else as on the wire
    bool outgoing = true;       ///< also what is sent to the endpoints
    bool rtp_only = false;      ///< no RTCP, STUN, DTLS
    std::size_t keep = 65'535;  ///< octets of a datagram
};

/// Threading: the ring as it says; `ended` from any.
struct Tap {
    Tap(std::string name, TapView what, std::size_t ring_octets) : id{std::move(name)}, view{what}, ring{ring_octets} {}

    const std::string id;
    const TapView view;
    TapRing ring;
    std::atomic<bool> ended{false};  ///< its writer takes nothing more
};

}  // namespace carillon::relay
