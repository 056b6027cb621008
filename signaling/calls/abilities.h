/// Whether the two ends of a call can speak to one another, or the relay has to stand between them.
/// Spec: XEP-0115 (what a client can do), XEP-0176, XEP-0177, XEP-0320.
/// Not here: standing between them (bridging.h).
#pragma once
#include <optional>

#include "signaling/calls/bridge_leg.h"
#include "signaling/calls/policy.h"
#include "signaling/jingle/jingle.h"

namespace carillon::calls {

/// What the callee's client has declared. XEP-0167 has no word for SDES: who is not known to do DTLS may do it or not.
struct Abilities {
    bool known = false;  ///< its verified capabilities have RTP sessions at all
    bool ice = false;
    bool raw = false;
    bool dtls = false;
};

/// What the offer speaks: its first RTP content counts. nullopt: nothing that could be bridged.
std::optional<Manner> manner_of(const jingle::Jingle& offer);

/// How to speak to the callee when the relay stands between; nullopt: the ends speak to one another.
std::optional<Manner> bridge_manner(const jingle::Jingle& offer, const Abilities& callee, BridgeMode mode);

}  // namespace carillon::calls
