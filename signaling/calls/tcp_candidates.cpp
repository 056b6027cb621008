#include "signaling/calls/tcp_candidates.h"

#include <algorithm>
#include <optional>

#include "signaling/jingle/build.h"
#include "signaling/jingle/leg.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using jingle::Content;

bool names_tcp(const Content& content) {
    return std::ranges::any_of(content.transport.candidates, [](const auto& each) { return each.protocol == "tcp"; });
}

xml::Element transport_info(const Call& call, const Stream& stream, xml::Element transport) {
    const Content content{.creator = stream.creator, .name = stream.name};
    return jingle::make_transport(Action::transport_info, call.sid, content, std::move(transport));
}

/// The relay is the other end.
std::optional<xml::Element> late_bridged(Call& call, Stream& stream, Side to) {
    auto& leg = stream.leg(to);
    const auto& bridge = *leg.said.bridge;
    if (!bridge.manner.ice || leg.told_ufrag != bridge.own.ufrag || leg.told_tcp) return std::nullopt;
    const auto addresses = tcp_addresses(stream, to, bridge.mux ? 1U : 3U);
    if (addresses.empty()) return std::nullopt;
    leg.told_tcp = true;
    return transport_info(call, stream,
                          jingle::make_ice_transport(bridge.own, addresses, std::to_string(leg.restarts)));
}

/// The other side is; its description has the relay's candidates.
std::optional<xml::Element> late_forwarded(Call& call, Stream& stream, Side to) {
    auto& from = stream.leg(other(to));
    const auto own = from.said.current();
    if (!stream.ice || !own.complete() || from.offered_ufrag != own.ufrag) return std::nullopt;
    const auto missing = from.offered & ~from.offered_tcp;
    const auto addresses = tcp_addresses(stream, to, missing);
    if (addresses.empty()) return std::nullopt;
    from.offered_tcp |= missing;
    xml::Element transport{"transport", jingle::ns::kIceUdp};
    transport.set("ufrag", own.ufrag).set("pwd", own.pwd);
    jingle::add_relay_candidates(transport, addresses, from.generation);
    return transport_info(call, stream, std::move(transport));
}

}  // namespace

void note_tcp(Call& call, Side side, const jingle::Jingle& jingle) {
    if (std::ranges::any_of(jingle.contents, names_tcp)) call.tcp[index(side)] = true;
    for (auto& stream : call.streams)
        for (const auto each : {Side::caller, Side::callee}) stream.leg(each).tcp = call.tcp[index(each)];
}

std::vector<jingle::RelayAddress> tcp_addresses(const Stream& stream, Side to, unsigned mask) {
    std::vector<jingle::RelayAddress> out;
    if (!stream.leg(to).tcp) return out;
    for (const auto& each : stream.ports.told_tcp[index(to)])
        if (each.component <= 2 && (mask & (1u << (each.component - 1))) != 0) out.push_back(each);
    return out;
}

std::vector<LateCandidates> late_tcp(Call& call) {
    std::vector<LateCandidates> out;
    for (auto& stream : call.streams) {
        if (!stream.open || stream.bundled) continue;
        for (const auto to : {Side::caller, Side::callee}) {
            auto late = stream.bridged() ? late_bridged(call, stream, to) : late_forwarded(call, stream, to);
            if (late) out.push_back({to, std::move(*late)});
        }
    }
    return out;
}

}  // namespace carillon::calls
