/// Negotiation of a bridged stream: the relay is the answering end towards who offers and the offering end towards who
/// answers; each leg has transport, credentials, fingerprint, keys, rtcp-mux and payload types of its own.
/// Spec: XEP-0176, XEP-0177, XEP-0320 (setup roles: RFC 5763 §5), RFC 4568 §5.1 (answering keys), RFC 5761 §5.1.
/// Not here: whether to bridge (abilities.h), asking the worker (controller.h), media (relay/bridge).
#pragma once
#include <expected>

#include "signaling/calls/call.h"

namespace carillon::calls {

/// Why an answer cannot be bridged: what it says of keys does not fit what it was asked.
enum class BridgeFault : std::uint8_t { security };

/// Makes both legs from what `offerer` says. `answerer` is how the other side will be spoken to.
std::expected<void, BridgeFault> take_offer(Stream& stream, Side offerer, const jingle::Content& content,
                                            const Manner& answerer);
/// Takes what the other side answers: keys, rtcp-mux, payload types.
std::expected<void, BridgeFault> take_answer(Stream& stream, Side answerer, const jingle::Content& content);
/// New credentials of ours towards a side that has restarted ICE (RFC 8445 §9).
void restart_leg(Stream& stream, Side side);

/// Tells `content` for the eyes of `to`. `carrier` is the stream whose transport it has: itself, or that of its bundle.
void describe_leg(const Stream& stream, const Stream& carrier, Side to, xml::Element& content);
/// Only the transport, for a side that has restarted ICE.
xml::Element leg_transport(const Stream& stream, Side to);

}  // namespace carillon::calls
