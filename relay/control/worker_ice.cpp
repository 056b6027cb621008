/// Which legs have a seat at their shard's ICE port, and which have ports of their own.
/// Spec: docs/relay.md, "One port for ICE".
#include "relay/control/worker.h"

namespace carillon::relay {
namespace {

/// Session and stream have no such character between them (request_check.cpp).
std::string leg_of(const std::string& session, const std::string& stream, std::size_t leg) {
    return Shard::key(session, stream) + (leg == 0 ? "\nA" : "\nB");
}

const api::LegSetup& said_of(const api::StreamSetup& setup, std::size_t leg) { return leg == 0 ? setup.a : setup.b; }

bool may_share(const api::StreamSetup& setup, std::size_t leg) {
    return setup.mode == api::Mode::bridge && said_of(setup, leg).use_ice;
}

}  // namespace

// Its first component alone: checks of both bear the same name. RTCP that is not multiplexed has a port of its own.
std::vector<BoundPort> Worker::take_ports(const std::string& session, const api::StreamSetup& setup, std::size_t leg,
                                          std::size_t shard) {
    const auto who = leg_of(session, setup.stream, leg);
    const bool shares =
        ice_ports_.on() && may_share(setup, leg) && ice_ports_.claim(who, said_of(setup, leg).own_ice.ufrag);
    if (!shares) return ports_.allocate(setup.rtcp);
    std::vector<BoundPort> bound;
    bound.push_back(ice_ports_.seat(shard));
    if (!setup.rtcp) return bound;
    auto rtcp = ports_.allocate(false);
    if (rtcp.empty()) {
        ice_ports_.release(who);
        return {};
    }
    bound.push_back(std::move(rtcp.front()));
    return bound;
}

std::vector<api::Address> Worker::told_tcp(const api::StreamSetup& setup, std::size_t leg, std::size_t components,
                                           std::size_t shard) const {
    const bool ice = setup.mode == api::Mode::ice || may_share(setup, leg);
    if (!ice_tcp_.on() || !ice) return {};
    std::vector<BoundPort> ports(components);
    for (auto& port : ports) port.port = ice_tcp_.number(shard);
    return told(ports);
}

void Worker::give_back(const std::string& session, const std::string& stream, std::size_t leg,
                       const journal::LegPorts& ports) {
    ice_ports_.release(leg_of(session, stream, leg));
    for (const auto port : ports) ports_.release(port);  // the shared one is outside of the range
}

bool Worker::may_rename(const std::string& session, const std::string& stream, std::size_t leg,
                        const api::LegSetup& setup) {
    const auto who = leg_of(session, stream, leg);
    return !setup.use_ice || !ice_ports_.sits(who) || ice_ports_.claim(who, setup.own_ice.ufrag);
}

/// As a predecessor had it.
std::optional<BoundPort> Worker::claim_port(const journal::ReadStream& left, std::size_t leg, std::size_t component,
                                            std::size_t shard) {
    const auto port = left.legs[leg].ports[component];
    const auto shared = ice_ports_.shard_of(port);
    if (!shared) return ports_.claim(port);
    const auto who = leg_of(left.session, left.setup.stream, leg);
    if (component != 0 || *shared != shard || !may_share(left.setup, leg)) return std::nullopt;
    for (const auto& before : left.legs[leg].own_before)
        if (!ice_ports_.claim(who, before.ufrag)) return std::nullopt;
    if (!ice_ports_.claim(who, said_of(left.setup, leg).own_ice.ufrag)) return std::nullopt;
    return ice_ports_.seat(shard);
}

}  // namespace carillon::relay
