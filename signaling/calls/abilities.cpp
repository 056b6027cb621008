#include "signaling/calls/abilities.h"

#include <algorithm>

namespace carillon::calls {
namespace {

using jingle::TransportKind;

bool bridgeable(const jingle::Content& content) {
    return content.is_rtp &&
           (content.transport.kind == TransportKind::ice_udp || content.transport.kind == TransportKind::raw_udp);
}

/// Whether the callee can answer this very offer.
bool understands(const Abilities& callee, const jingle::Content& content) {
    if (content.transport.kind == TransportKind::raw_udp) return callee.raw;
    if (!callee.ice) return false;
    // An offer with both DTLS and SDES leaves the choice to the callee.
    if (content.transport.has_fingerprint) return callee.dtls || !content.cryptos.empty();
    return !callee.dtls;  // clients that do DTLS take nothing less over ICE
}

Manner best(const Abilities& callee, bool must_encrypt) {
    const bool dtls = callee.ice && callee.dtls;
    return {.ice = callee.ice, .protection = dtls ? Protection::dtls : Protection::sdes, .must_encrypt = must_encrypt};
}

}  // namespace

std::string to_string(const Manner& manner) {
    std::string out = manner.ice ? "ice-udp" : "raw-udp";
    if (manner.protection == Protection::dtls) out += " dtls";
    if (manner.protection == Protection::sdes) out += " sdes";
    return out;
}

std::optional<Manner> manner_of(const jingle::Jingle& offer) {
    const auto content = std::ranges::find_if(offer.contents, bridgeable);
    if (content == offer.contents.end()) return std::nullopt;
    const auto& transport = content->transport;
    const bool ice = transport.kind == TransportKind::ice_udp;
    return Manner{.ice = ice,
                  .protection = ice && transport.fingerprint ? Protection::dtls
                                : !content->cryptos.empty()  ? Protection::sdes
                                                             : Protection::none,
                  .must_encrypt = content->must_encrypt};
}

std::optional<Manner> bridge_manner(const jingle::Jingle& offer, const Abilities& callee, BridgeMode mode) {
    const auto offered = manner_of(offer);
    if (!offered || mode == BridgeMode::never) return std::nullopt;
    const bool reachable = callee.known && (callee.ice || callee.raw);
    if (mode == BridgeMode::always) {
        if (!reachable) return offered;
        return best(callee, offered->must_encrypt);
    }
    const bool all = std::ranges::all_of(offer.contents, [&](const jingle::Content& content) {
        return !bridgeable(content) || understands(callee, content);
    });
    if (!reachable || all) return std::nullopt;
    return best(callee, offered->must_encrypt);
}

}  // namespace carillon::calls
