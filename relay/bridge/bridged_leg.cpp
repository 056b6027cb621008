#include "relay/bridge/bridged_leg.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "media/rtp/packet.h"

namespace carillon::relay {
namespace {

std::vector<srtp::MasterKey> keys_of(const std::vector<api::SrtpKey>& keys) {
    std::vector<srtp::MasterKey> out;
    for (const auto& key : keys) out.push_back({.key_and_salt = key.key_and_salt, .mki = key.mki});
    return out;
}

std::uint64_t random64() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

bool is_dtls(Bytes datagram) {  // RFC 7983 §7
    const auto first = std::to_integer<unsigned>(datagram[0]);
    return first >= 20 && first <= 63;
}

Drop drop_of(Errc why) { return why == Errc::bad_value ? Drop::replayed : Drop::bad_srtp; }

}  // namespace

void BridgedLeg::update(const api::LegSetup& setup) {
    mux_ = setup.rtcp_mux;
    maps_ = !setup.payload_types.empty();
    for (std::size_t i = 0; i < payload_types_.size(); ++i) payload_types_[i] = static_cast<std::uint8_t>(i);
    for (const auto& [from, to] : setup.payload_types) payload_types_[from & 0x7F] = to & 0x7F;
    if (setup.use_ice) {
        const IceCredentials own{setup.own_ice.ufrag, setup.own_ice.pwd};
        std::vector<IceCredentials> theirs;
        for (const auto& each : setup.ice) theirs.push_back({each.ufrag, each.pwd});
        if (ice_.empty()) {
            const auto tie_breaker = random64();
            for (std::size_t i = 0; i < components_; ++i) ice_.emplace_back(own, setup.controlling, tie_breaker);
        }
        for (auto& component : ice_) {
            component.restart(own);
            component.remote(theirs);
        }
    }
    secure(setup.security);
}

void BridgedLeg::secure(const api::LegSecurity& wanted) {
    if (wanted == security_) return;
    const auto before = std::exchange(security_, wanted);
    const bool sdes = wanted.protection == api::Protection::sdes;
    const bool same_suite = sdes && before.protection == wanted.protection && before.suite == wanted.suite;
    // What was agreed before is void (RFC 8842 §5.5). A direction whose keys stay keeps its roll-over counters: begun
    // anew under the same keys it would use a keystream twice.
    if (!same_suite || before.remote != wanted.remote) inbound_.reset();
    if (!same_suite || before.local != wanted.local) outbound_.reset();
    agreed_.reset();
    keys_gone_ = true;
    dtls_.reset();
    confirmed_ = false;
    handshakes_ = 0;
    if (sdes) use_sdes();
    if (wanted.protection == api::Protection::dtls && wanted.active && ice() && !in_use(0).empty()) start_dtls();
}

void BridgedLeg::use_sdes() {
    const auto profile = srtp::profile_named(security_.suite);
    if (!profile) return;
    const auto use = [&](std::optional<srtp::Session>& session, const auto& keys, srtp::Direction direction) {
        if (session || keys.empty()) return false;  // the endpoint's keys may come later than ours
        if (auto made = srtp::Session::create(*profile, keys_of(keys), direction)) session = std::move(*made);
        return session.has_value();
    };
    fresh_inbound_ = use(inbound_, security_.remote, srtp::Direction::inbound) || fresh_inbound_;
    fresh_outbound_ = use(outbound_, security_.local, srtp::Direction::outbound) || fresh_outbound_;
}

BridgedLeg::Opened BridgedLeg::open(std::size_t component, std::span<std::byte> buffer, std::size_t size,
                                    const Path& from, PlainLearner* learner, SteadyTime now) {
    const Bytes datagram = buffer.first(size);
    if (datagram.empty()) return {.drop = Drop::not_media};
    if (ice()) {
        if (stun::looks_like_stun(datagram)) return on_stun(component, buffer, size, from, now);
        if (!ice_[component].on_other(from, now)) return {.drop = Drop::unproven};
        if (is_dtls(datagram) && security_.protection == api::Protection::dtls && component == 0) {
            on_dtls(datagram);
            return {.drop = Drop::consumed};
        }
    }
    if (!rtp::looks_like_rtp_or_rtcp(datagram)) return {.drop = Drop::not_media};
    Opened opened{.size = size, .rtcp = component == 1 || rtp::is_rtcp(datagram)};
    opened.drop = unprotect(buffer, opened.size, opened.rtcp);
    if (opened.drop != Drop::none) return opened;
    confirmed_ = true;
    // Who seals under the keys has all of the handshake: nothing of it will be said again, and OpenSSL's state, the
    // greater part of what a leg holds, can go. At once, so that legs that come after it use the same memory.
    if (dtls_ && inbound_) [[unlikely]]
        dtls_.reset();
    // What is sealed has proved itself before its address is looked at.
    if (learner) opened.drop = learner->on_media(buffer.first(opened.size), from);
    if (opened.drop == Drop::none && maps_ && !opened.rtcp) map_payload_type(buffer.first(opened.size));
    return opened;
}

Drop BridgedLeg::unprotect(std::span<std::byte> buffer, std::size_t& size, bool rtcp) {
    if (security_.protection == api::Protection::none) return Drop::none;
    if (!inbound_) return Drop::no_keys;
    const auto packet = buffer.first(size);
    const auto opened = rtcp ? inbound_->unprotect_rtcp(packet) : inbound_->unprotect_rtp(packet);
    if (!opened) return drop_of(opened.error());
    size = *opened;
    return Drop::none;
}

void BridgedLeg::map_payload_type(std::span<std::byte> packet) const {
    const auto marker = packet[1] & std::byte{0x80};
    packet[1] = marker | std::byte{payload_types_[std::to_integer<std::size_t>(packet[1] & std::byte{0x7F})]};
}

std::expected<std::size_t, Drop> BridgedLeg::seal(std::span<std::byte> buffer, std::size_t size, bool rtcp) {
    if (security_.protection == api::Protection::none) return size;
    if (!outbound_) return std::unexpected{Drop::no_keys};
    const auto sealed = rtcp ? outbound_->protect_rtcp(buffer, size) : outbound_->protect_rtp(buffer, size);
    if (!sealed) return std::unexpected{sealed.error() == Errc::too_large ? Drop::oversize : drop_of(sealed.error())};
    return *sealed;
}

BridgedLeg::Opened BridgedLeg::on_stun(std::size_t component, std::span<std::byte> buffer, std::size_t size,
                                       const Path& from, SteadyTime now) {
    const auto message = stun::Message::parse(buffer.first(size));
    if (!message) return {.drop = Drop::bad_check};
    auto& ice = ice_[component];
    const auto outcome = ice.on_stun(*message, from, now, room_);
    if (outcome.drop != Drop::none) return {.drop = outcome.drop};
    if (!outcome.check.empty()) send_(component, from, outcome.check);
    if (component == 0 && security_.protection == api::Protection::dtls && security_.active && !dtls_) {
        // Browsers end a connection on which anything but STUN comes first.
        const bool first = from.over_tcp() && !outcome.reply.empty();
        if (first) send_(component, from, outcome.reply);
        start_dtls();
        if (first) return {.drop = Drop::consumed};
    }
    if (outcome.reply.empty() || outcome.reply.size() > buffer.size()) return {.drop = Drop::consumed};
    std::ranges::copy(outcome.reply, buffer.begin());
    return {.size = outcome.reply.size(), .answer = true};
}

void BridgedLeg::start_dtls() {
    // Keys that are agreed stay until signalling says otherwise. Without a fingerprint there is nobody to trust yet.
    if (inbound_ || !identity_ || security_.fingerprint.empty() || handshakes_ >= kMaxHandshakes) return;
    ++handshakes_;
    const auto role = security_.active ? dtls::Role::client : dtls::Role::server;
    try {
        dtls_ = std::make_unique<dtls::DtlsSrtp>(*identity_, role,
                                                 dtls::Fingerprint{security_.fingerprint_hash, security_.fingerprint},
                                                 [this](Bytes datagram) { send_(0, in_use(0), datagram); });
        dtls_->start();
    } catch (const std::exception&) {  // OpenSSL has no memory: the endpoint's next flight tries again
        dtls_.reset();
    }
}

/// Only from an address that ICE has proved. A handshake that fails leaves the keys of one that did not. One that comes
/// before the endpoint's fingerprint is known is not heard: it will be said again.
void BridgedLeg::on_dtls(Bytes datagram) {
    if (!dtls_ || dtls_->state() == dtls::DtlsSrtp::State::failed) start_dtls();
    if (!dtls_) return;
    dtls_->receive(datagram);
    take_keys();
}

void BridgedLeg::take_keys() {
    if (!dtls_ || !dtls_->keys() || inbound_) return;
    const auto& keys = *dtls_->keys();
    use_keys(keys.profile, keys.local, keys.remote);
}

void BridgedLeg::use_keys(srtp::Profile profile, Bytes local, Bytes remote) {
    auto in = srtp::Session::create(profile, remote, srtp::Direction::inbound);
    auto out = srtp::Session::create(profile, local, srtp::Direction::outbound);
    if (!in || !out) return;
    inbound_ = std::move(*in);
    outbound_ = std::move(*out);
    fresh_inbound_ = fresh_outbound_ = true;
    agreed_ = journal::AgreedKeys{profile, {local.begin(), local.end()}, {remote.begin(), remote.end()}};
}

journal::LegState BridgedLeg::take_state() {
    keys_gone_ = false;
    return {.own_before = ice() ? ice_.front().own_before() : std::vector<IceCredentials>{},
            .agreed = agreed_,
            .inbound = inbound_ ? &*inbound_ : nullptr,
            .outbound = outbound_ ? &*outbound_ : nullptr,
            .fresh_inbound = std::exchange(fresh_inbound_, false),
            .fresh_outbound = std::exchange(fresh_outbound_, false)};
}

void BridgedLeg::restore(const journal::ReadLeg& left, SteadyTime now) {
    for (std::size_t i = 0; i < ice_.size(); ++i) {
        const auto& set = left.paths[i];
        // Nothing learned yet: the roles are as signalled.
        const bool controlling = set.count > 0 ? set.controlling != 0 : ice_[i].controlling();
        ice_[i].restore(left.own_before, controlling, set.confirmed != 0, now);
        std::vector<Path> proven;
        for (std::size_t k = 0; k < set.count; ++k) proven.push_back(journal::unpack(set.paths[k]));
        if (!proven.empty()) ice_[i].learner().restore(proven, set.in_use, now);
    }
    if (left.agreed && security_.protection == api::Protection::dtls) {
        dtls_.reset();
        use_keys(left.agreed->profile, left.agreed->local, left.agreed->remote);
    }
    if (inbound_)
        for (const auto& state : left.inbound) inbound_->restore(state);
    if (outbound_)
        for (const auto& state : left.outbound) outbound_->restore(state);
}

void BridgedLeg::tick(SteadyTime now) {
    for (std::size_t component = 0; component < ice_.size(); ++component)
        if (const auto check = ice_[component].late_nomination(now, room_); !check.empty())
            send_(component, in_use(component), check);
    if (!dtls_) return;
    dtls_->on_timer();
    take_keys();
}

}  // namespace carillon::relay
