/// Which streams of a call go through the relay, and how its ports are told to the ends in their Jingle.
/// Spec: XEP-0176, XEP-0177, XEP-0338, RFC 8843 §7 (one transport for a bundle), RFC 5761 (rtcp-mux).
/// Not here: asking the relay and waiting for it (controller.h).
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "signaling/calls/call.h"
#include "signaling/jingle/jingle.h"
#include "signaling/xml/element.h"

namespace carillon::calls {

/// Something to ask of the relay before a stanza may go on.
struct RelayTask {
    enum class Kind : std::uint8_t { open, update, program };
    Kind kind = Kind::open;
    std::string stream;
    Side side = Side::caller;  ///< of an update
};

enum class PlanFault : std::uint8_t {
    too_many,   ///< more streams than the limits allow
    security,   ///< bridged: the keys that are signalled cannot be used
    transport,  ///< bridged: the answer has another transport than the offer
};

/// Takes what `side` signals into the call's streams and says what the relay must know or give first.
std::expected<std::vector<RelayTask>, PlanFault> plan_media(Call& call, Side side, const jingle::Jingle& jingle,
                                                            const jingle::Limits& limits);

/// What an answer settles (contents not taken, bundles, rtcp-mux, replaced or removed transports). Says which streams'
/// ports are not needed any more; they are marked closed already.
std::vector<std::string> settle_media(Call& call, const jingle::Jingle& jingle);

/// Changes `element`, sent by `side`, for the eyes of the other side. False: nothing is left that is the other side's
/// business, for it was about bridged legs alone.
bool rewrite_media(Call& call, Side side, const jingle::Jingle& jingle, xml::Element& element);

StreamSetup setup_of(const Stream& stream);

}  // namespace carillon::calls
