/// A flow whose packets the kernel opens and seals: what it gets along, and what comes back.
/// Spec: docs/kernel-path.md; RFC 3711 §3.2.3 (what belongs to a stream), §3.3.2.
#pragma once
#include "relay/bridge/bridged_leg.h"
#include "relay/kernel/flow.h"
#include "relay/kernel/srtp.h"

namespace carillon::relay {

/// The ends of a flow whose legs end here. Threading: their stream's.
struct SealedEnds {
    BridgedLeg* near = nullptr;  ///< whose endpoint sends; null: the stream is forwarded unopened
    BridgedLeg* far = nullptr;

    explicit operator bool() const { return near != nullptr; }
    /// Keys and indices for the streams of `flow`, which loses those that have passed one end only. False: none is
    /// left, or there are no keys that the kernel can work with.
    bool lend(carillon_flow& flow, carillon_srtp& srtp) const;
    /// The sessions go on where the kernel stands.
    void take(const carillon_flow& flow, const carillon_srtp& srtp) const;
};

}  // namespace carillon::relay
