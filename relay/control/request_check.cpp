#include "relay/control/request_check.h"

#include <algorithm>

#include "media/srtp/srtp_session.h"
#include "relay/api/convert.h"
#include "relay/learning/address.h"
#include "relay/media/programs.h"

namespace carillon::relay {

namespace proto = api::proto;

namespace {

constexpr std::size_t kMaxName = 256;
constexpr int kMaxCredentials = 4;
constexpr int kMaxRemotes = 8;

std::string fault_in(const proto::LegSecurity& security, bool ice) {
    if (security.protection() < proto::PROTECTION_NONE || security.protection() > proto::PROTECTION_DTLS)
        return "the protection is not one of this version";
    if (security.protection() == proto::PROTECTION_DTLS && !ice)
        return "DTLS needs ICE: its address is not proven else";
    if (security.fingerprint().size() > kMaxName || security.fingerprint_hash().size() > kMaxName)
        return "a fingerprint has at most 256 characters";
    if (security.protection() != proto::PROTECTION_SDES) return {};
    const auto profile = srtp::profile_named(security.suite());
    if (!profile) return "the crypto-suite is not known";
    const auto [key_length, salt_length] = srtp::lengths_of(*profile);
    const auto wrong = [size = key_length + salt_length](const proto::SrtpKey& key) {
        return key.key_and_salt().size() != size || key.mki().size() > srtp::kMaxMki;
    };
    if (std::ranges::any_of(security.local(), wrong) || std::ranges::any_of(security.remote(), wrong))
        return "a key is not as long as its crypto-suite wants, or its MKI is longer than 16 octets";
    if (security.local_size() > static_cast<int>(srtp::kMaxMasterKeys) ||
        security.remote_size() > static_cast<int>(srtp::kMaxMasterKeys))
        return "a leg has at most 4 master keys each way";
    return {};
}

}  // namespace

proto::Reply refuse(proto::Refusal refusal, std::string reason) {
    proto::Reply reply;
    reply.set_refusal(refusal);
    reply.set_reason(std::move(reason));
    return reply;
}

std::string fault_in(const proto::LegSetup& setup) {
    if (setup.ice_size() > kMaxCredentials) return "a leg has at most 4 generations of ICE credentials";
    if (setup.remotes_size() > kMaxRemotes) return "a leg has at most 8 remote addresses";
    for (const auto& ice : setup.ice()) {
        // RFC 8445 §5.3: at least 4 and 22 characters, at most 256 each. Short ones could be guessed.
        if (ice.ufrag().size() < 4 || ice.ufrag().size() > 256) return "an ICE ufrag has 4 to 256 characters";
        if (ice.pwd().size() < 22 || ice.pwd().size() > 256) return "an ICE password has 22 to 256 characters";
    }
    for (const auto& remote : setup.remotes()) {
        if (remote.component() < 1 || remote.component() > 2) return "a component is 1 or 2";
        if (remote.port() > 65535 || !Address::parse(remote.ip(), static_cast<std::uint16_t>(remote.port()))) {
            return "a remote needs a numeric address and a port";
        }
    }
    if (setup.use_ice() && (setup.own_ice().ufrag().size() < 4 || setup.own_ice().ufrag().size() > 256 ||
                            setup.own_ice().pwd().size() < 22 || setup.own_ice().pwd().size() > 256))
        return "the relay's own ICE ufrag has 4 to 256 characters, its password 22 to 256";
    for (const auto& [from, to] : setup.payload_types())
        if (from > 127 || to > 127) return "a payload type is 0 to 127";
    return fault_in(setup.security(), setup.use_ice());
}

std::string fault_in(const proto::OpenStream& request) {
    const auto& setup = request.setup();
    if (request.session().empty() || request.session().size() > kMaxName)
        return "a session has a name of 1 to 256 octets";
    if (setup.stream().empty() || setup.stream().size() > kMaxName) return "a stream has a name of 1 to 256 octets";
    if (request.session().contains('\n')) return "a session's name has no line feed";
    if (setup.mode() < proto::MODE_ICE || setup.mode() > proto::MODE_BRIDGE)
        return "the mode is not one of this version";
    if (auto fault = fault_in(setup.a()); !fault.empty()) return fault;
    if (auto fault = fault_in(setup.b()); !fault.empty()) return fault;
    if (setup.has_program() && setup.program().kind() != proto::Program::NONE && setup.mode() != proto::MODE_BRIDGE)
        return "a program needs a bridged stream";
    return program_fault(api::from_proto(setup.program()));
}

}  // namespace carillon::relay
