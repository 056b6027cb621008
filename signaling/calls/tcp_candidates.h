/// Which side is told where the relay is reached over TCP. XEP-0176 has "udp" alone and clients differ in what they
/// make of another word, so it is said to those who say it themselves, or to all where the host wants it. Spec: RFC
/// 6544, XEP-0371 §6 (protocol, tcptype), XEP-0176 §5.3. Not here: candidates as elements (jingle/rewrite.h,
/// jingle/leg.h), connections (relay/icetcp).
#pragma once
#include <vector>

#include "signaling/calls/call.h"

namespace carillon::calls {

/// Looks for candidates over TCP in what a side says.
void note_tcp(Call& call, Side side, const jingle::Jingle& jingle);

/// Addresses over TCP of the components in `mask` (bit 0 is component 1) for that side; none when it does not take
/// them.
std::vector<jingle::RelayAddress> tcp_addresses(const Stream& stream, Side to, unsigned mask);

/// What has still to be told to a side that has shown too late that it takes them.
struct LateCandidates {
    Side to;
    xml::Element jingle;
};
std::vector<LateCandidates> late_tcp(Call& call);

}  // namespace carillon::calls
