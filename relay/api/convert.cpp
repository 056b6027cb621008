#include "relay/api/convert.h"

namespace carillon::relay::api {
namespace {

Address from_proto(const proto::Address& address) {
    return {.component = address.component(), .ip = address.ip(), .port = static_cast<std::uint16_t>(address.port())};
}
void to_proto(const Address& address, proto::Address& out) {
    out.set_component(address.component);
    out.set_ip(address.ip);
    out.set_port(address.port);
}

LegCounters from_proto(const proto::LegCounters& counters) {
    LegCounters out{.packets = counters.packets(),
                    .bytes = counters.bytes(),
                    .expected = counters.expected(),
                    .lost = counters.lost(),
                    .late = counters.late(),
                    .duplicates = counters.duplicates(),
                    .stun = counters.stun(),
                    .silent_ms = counters.silent_ms(),
                    .jitter_ms = counters.jitter_ms(),
                    .round_trip_ms = counters.round_trip_ms(),
                    .learned = counters.learned()};
    for (const auto& [reason, count] : counters.drops()) out.drops[reason] = count;
    out.quality = api::from_proto(counters.quality());
    return out;
}

void to_proto(const LegCounters& counters, proto::LegCounters& out) {
    out.set_packets(counters.packets);
    out.set_bytes(counters.bytes);
    out.set_expected(counters.expected);
    out.set_lost(counters.lost);
    out.set_late(counters.late);
    out.set_duplicates(counters.duplicates);
    out.set_stun(counters.stun);
    out.set_silent_ms(counters.silent_ms);
    out.set_jitter_ms(counters.jitter_ms);
    out.set_round_trip_ms(counters.round_trip_ms);
    out.set_learned(counters.learned);
    for (const auto& [reason, count] : counters.drops) (*out.mutable_drops())[reason] = count;
    api::to_proto(counters.quality, *out.mutable_quality());
}

}  // namespace

namespace {

std::vector<std::byte> octets(const std::string& text) {
    const auto bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}
SrtpKey from_proto(const proto::SrtpKey& key) { return {octets(key.key_and_salt()), octets(key.mki())}; }
void to_proto(const SrtpKey& key, proto::SrtpKey& out) {
    out.set_key_and_salt(std::string{as_text(key.key_and_salt)});
    out.set_mki(std::string{as_text(key.mki)});
}

LegSecurity from_proto(const proto::LegSecurity& security) {
    LegSecurity out;
    out.protection = static_cast<Protection>(security.protection());
    out.suite = security.suite();
    for (const auto& key : security.local()) out.local.push_back(from_proto(key));
    for (const auto& key : security.remote()) out.remote.push_back(from_proto(key));
    out.fingerprint_hash = security.fingerprint_hash();
    out.fingerprint = security.fingerprint();
    out.active = security.active();
    return out;
}
void to_proto(const LegSecurity& security, proto::LegSecurity& out) {
    out.set_protection(static_cast<proto::Protection>(security.protection));
    out.set_suite(security.suite);
    for (const auto& key : security.local) to_proto(key, *out.add_local());
    for (const auto& key : security.remote) to_proto(key, *out.add_remote());
    out.set_fingerprint_hash(security.fingerprint_hash);
    out.set_fingerprint(security.fingerprint);
    out.set_active(security.active);
}

}  // namespace

LegSetup from_proto(const proto::LegSetup& setup) {
    LegSetup out;
    out.use_ice = setup.use_ice();
    out.own_ice = {setup.own_ice().ufrag(), setup.own_ice().pwd()};
    out.controlling = setup.controlling();
    out.rtcp_mux = setup.rtcp_mux();
    out.security = from_proto(setup.security());
    for (const auto& [from, to] : setup.payload_types())
        out.payload_types[static_cast<std::uint8_t>(from)] = static_cast<std::uint8_t>(to);
    for (const auto& ice : setup.ice()) out.ice.push_back({ice.ufrag(), ice.pwd()});
    for (const auto& remote : setup.remotes()) out.remotes.push_back(from_proto(remote));
    return out;
}

void to_proto(const LegSetup& setup, proto::LegSetup& out) {
    for (const auto& ice : setup.ice) {
        auto* added = out.add_ice();
        added->set_ufrag(ice.ufrag);
        added->set_pwd(ice.pwd);
    }
    for (const auto& remote : setup.remotes) to_proto(remote, *out.add_remotes());
    if (!setup.use_ice && setup.security == LegSecurity{} && !setup.rtcp_mux && setup.payload_types.empty()) return;
    out.set_use_ice(setup.use_ice);
    out.mutable_own_ice()->set_ufrag(setup.own_ice.ufrag);
    out.mutable_own_ice()->set_pwd(setup.own_ice.pwd);
    out.set_controlling(setup.controlling);
    out.set_rtcp_mux(setup.rtcp_mux);
    to_proto(setup.security, *out.mutable_security());
    for (const auto& [from, to] : setup.payload_types) (*out.mutable_payload_types())[from] = to;
}

StreamSetup from_proto(const proto::StreamSetup& setup) {
    return {.stream = setup.stream(),
            .mode = static_cast<Mode>(setup.mode()),
            .rtcp = setup.rtcp(),
            .a = from_proto(setup.a()),
            .b = from_proto(setup.b()),
            .expire = std::chrono::seconds{setup.expire_s()},
            .program = from_proto(setup.program()),
            .tell_rtcp = setup.tell_rtcp()};
}

void to_proto(const StreamSetup& setup, proto::StreamSetup& out) {
    out.set_stream(setup.stream);
    out.set_mode(static_cast<proto::Mode>(setup.mode));
    out.set_rtcp(setup.rtcp);
    to_proto(setup.a, *out.mutable_a());
    to_proto(setup.b, *out.mutable_b());
    out.set_expire_s(static_cast<std::uint32_t>(setup.expire.count()));
    if (setup.program.kind != Program::Kind::none) to_proto(setup.program, *out.mutable_program());
    out.set_tell_rtcp(setup.tell_rtcp);
}

Ports from_proto(const proto::Ports& ports) {
    Ports out;
    for (const auto& address : ports.a()) out.a.push_back(from_proto(address));
    for (const auto& address : ports.b()) out.b.push_back(from_proto(address));
    out.fingerprint = ports.fingerprint();
    for (const auto& address : ports.tcp_a()) out.tcp_a.push_back(from_proto(address));
    for (const auto& address : ports.tcp_b()) out.tcp_b.push_back(from_proto(address));
    return out;
}

void to_proto(const Ports& ports, proto::Ports& out) {
    for (const auto& address : ports.a) to_proto(address, *out.add_a());
    for (const auto& address : ports.b) to_proto(address, *out.add_b());
    out.set_fingerprint(ports.fingerprint);
    for (const auto& address : ports.tcp_a) to_proto(address, *out.add_tcp_a());
    for (const auto& address : ports.tcp_b) to_proto(address, *out.add_tcp_b());
}

StreamCounters from_proto(const proto::StreamCounters& counters) {
    return {.session = counters.session(),
            .stream = counters.stream(),
            .a = from_proto(counters.a()),
            .b = from_proto(counters.b()),
            .mode = static_cast<Mode>(counters.mode()),
            .ports = from_proto(counters.ports()),
            .age_ms = counters.age_ms()};
}

void to_proto(const StreamCounters& counters, proto::StreamCounters& out) {
    out.set_session(counters.session);
    out.set_stream(counters.stream);
    to_proto(counters.a, *out.mutable_a());
    to_proto(counters.b, *out.mutable_b());
    out.set_mode(static_cast<proto::Mode>(counters.mode));
    to_proto(counters.ports, *out.mutable_ports());
    out.set_age_ms(counters.age_ms);
}

}  // namespace carillon::relay::api
