#include "signaling/calls/bridging.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "signaling/calls/audio_formats.h"
#include "signaling/calls/tcp_candidates.h"
#include "signaling/calls/transcoding.h"
#include "signaling/jingle/leg.h"

namespace carillon::calls {
namespace {

using jingle::Content;

constexpr std::size_t kUfrag = 8;
constexpr std::size_t kPwd = 24;  // RFC 8445 §5.3: at least 22 characters
/// Offered to an end that may do SDES, best first: GCM is the cheaper, the other is what everybody has.
constexpr std::array<std::string_view, 3> kSuites{"AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80",
                                                  "AES_CM_128_HMAC_SHA1_32"};

std::vector<std::byte> random_octets(std::size_t count) {
    std::vector<std::byte> out(count);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1)
        throw std::runtime_error{"no random numbers"};
    return out;
}

std::string random_text(std::size_t length) {
    static constexpr std::string_view kIceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (const auto octet : random_octets(length)) out += kIceChars[std::to_integer<unsigned>(octet) & 63];
    return out;
}

jingle::IceCredentials fresh_credentials() { return {.ufrag = random_text(kUfrag), .pwd = random_text(kPwd)}; }

OwnCrypto fresh_crypto(std::string tag, std::string_view suite) {
    return {
        .tag = std::move(tag), .suite = std::string{suite}, .key_and_salt = random_octets(jingle::key_length(suite))};
}

BridgeLeg fresh_leg(const Manner& manner, Side side) {
    BridgeLeg leg{.manner = manner, .own = fresh_credentials()};
    leg.controlling = side == Side::callee;  // XEP-0176: the initiator controls, and to the callee the relay is it
    leg.security.protection = manner.protection;
    return leg;
}

/// Which of the keys of an offer to take: the cheapest suite if it is there, else the one liked best.
const jingle::Crypto& choose(const std::vector<jingle::Crypto>& offered) {
    const auto gcm = std::ranges::find(offered, kSuites[0], &jingle::Crypto::suite);
    return gcm == offered.end() ? offered.front() : *gcm;
}

/// Keys of both ends of an SDES leg; theirs have been looked at when they were parsed.
void agree(BridgeLeg& leg, const OwnCrypto& own, const jingle::Crypto& theirs) {
    const auto key = jingle::parse_inline(theirs.key_params, theirs.suite);
    leg.security.suite = theirs.suite;
    leg.security.local = {{own.key_and_salt, {}}};
    if (key) leg.security.remote = {{key->key_and_salt, key->mki}};
}

void answer_security(BridgeLeg& leg, const Content& content) {
    if (leg.manner.protection == Protection::dtls) {
        const auto& theirs = *content.transport.fingerprint;
        leg.setup = theirs.setup == "active" ? "passive" : "active";  // RFC 5763 §5: actpass leaves it to us
        leg.security.active = leg.setup == "active";
        leg.security.fingerprint_hash = theirs.hash;
        leg.security.fingerprint = theirs.value;
    } else if (leg.manner.protection == Protection::sdes) {
        const auto& theirs = choose(content.cryptos);
        leg.cryptos = {fresh_crypto(theirs.tag, theirs.suite)};
        agree(leg, leg.cryptos.front(), theirs);
    }
}

void offer_security(BridgeLeg& leg) {
    if (leg.manner.protection == Protection::dtls) {
        leg.setup = "actpass";
    } else if (leg.manner.protection == Protection::sdes) {
        unsigned tag = 0;
        for (const auto suite : kSuites) leg.cryptos.push_back(fresh_crypto(std::to_string(++tag), suite));
        leg.security.suite = leg.cryptos.front().suite;  // the answer will say which
        leg.security.local = {{leg.cryptos.front().key_and_salt, {}}};
    }
}

std::expected<void, BridgeFault> settle_dtls(BridgeLeg& leg, const Content& content) {
    const auto& theirs = content.transport.fingerprint;
    if (!theirs) return std::unexpected{BridgeFault::security};
    leg.setup = theirs->setup == "passive" ? "active" : "passive";
    leg.security.active = leg.setup == "active";
    leg.security.fingerprint_hash = theirs->hash;
    leg.security.fingerprint = theirs->value;
    return {};
}

std::expected<void, BridgeFault> settle_sdes(BridgeLeg& leg, const Content& content) {
    if (content.cryptos.empty()) {  // XEP-0167 §7: it goes on without, unless encryption was required
        if (leg.manner.must_encrypt) return std::unexpected{BridgeFault::security};
        leg.security = {};
        leg.manner.protection = Protection::none;
        return {};
    }
    const auto& theirs = content.cryptos.front();
    const auto own = std::ranges::find_if(
        leg.cryptos, [&](const OwnCrypto& each) { return each.tag == theirs.tag && each.suite == theirs.suite; });
    if (own == leg.cryptos.end()) return std::unexpected{BridgeFault::security};
    agree(leg, *own, theirs);
    return {};
}

/// RFC 3264 §6.1 lets the answer give a codec another number than the offer. Each leg keeps its own.
void map_payload_types(BridgeLeg& offerer, BridgeLeg& answerer, const std::vector<jingle::PayloadType>& offered,
                       const std::vector<jingle::PayloadType>& answered) {
    const auto known = [&](unsigned id, const jingle::PayloadType& type) {
        return std::ranges::any_of(offered, [&](const auto& each) { return each.id == id && same_codec(each, type); });
    };
    for (const auto& type : answered) {
        if (known(type.id, type) || type.name.empty()) continue;
        const auto like = std::ranges::find_if(offered, [&](const jingle::PayloadType& each) {
            return same_codec(each, type) &&
                   (!type.apt || each.apt == type.apt ||
                    (each.apt && answerer.payload_types.contains(static_cast<std::uint8_t>(*type.apt)) &&
                     answerer.payload_types[static_cast<std::uint8_t>(*type.apt)] == *each.apt));
        });
        if (like == offered.end()) continue;
        answerer.payload_types[static_cast<std::uint8_t>(type.id)] = static_cast<std::uint8_t>(like->id);
        offerer.payload_types[static_cast<std::uint8_t>(like->id)] = static_cast<std::uint8_t>(type.id);
    }
}

BridgeLeg& leg_of(Stream& stream, Side side) { return *stream.leg(side).said.bridge; }

/// What is agreed, by the numbers of who hears it: the answerer its own, the offerer those of the offer.
void note_sound(Stream& stream, Side answerer, const Content& answer) {
    const auto note = [&](Side side, const Content& said) {
        auto& sound = stream.sound_to[index(side)];
        sound = {.format = relay_format(said), .types = {}};
        for (const auto& type : said.payload_types)
            if (sound_along(type)) sound.types.push_back(static_cast<std::uint8_t>(type.id));
    };
    note(answerer, answer);
    Content offered;
    offered.header_extensions = answer.header_extensions;
    offered.bandwidth = stream.offered_bandwidth;
    const auto& numbers = leg_of(stream, answerer).payload_types;
    for (const auto& type : answer.payload_types) {
        const auto mapped = numbers.find(static_cast<std::uint8_t>(type.id));
        const auto id = mapped == numbers.end() ? type.id : mapped->second;
        const auto like = std::ranges::find(stream.offered_types, id, &jingle::PayloadType::id);
        if (like != stream.offered_types.end()) offered.payload_types.push_back(*like);
    }
    note(other(answerer), offered);
}

/// Raw UDP names one address: of the family that the end itself has signalled, where the relay has one.
std::vector<jingle::RelayAddress> of_family(std::vector<jingle::RelayAddress> addresses, const LegSetup& said) {
    const auto v6 = [](const std::string& ip) { return ip.find(':') != std::string::npos; };
    if (said.remotes.empty()) return addresses;
    std::ranges::stable_partition(addresses, [&, wanted = v6(said.remotes.front().ip)](
                                                 const jingle::RelayAddress& each) { return v6(each.ip) == wanted; });
    return addresses;
}

std::vector<jingle::Crypto> told(const BridgeLeg& leg) {
    std::vector<jingle::Crypto> out;
    for (const auto& own : leg.cryptos) {
        // Once agreed, only the one that was.
        if (!leg.security.remote.empty() && own.suite != leg.security.suite) continue;
        out.push_back({.tag = own.tag, .suite = own.suite, .key_params = jingle::write_inline(own.key_and_salt)});
    }
    return leg.manner.protection == Protection::sdes ? out : std::vector<jingle::Crypto>{};
}

}  // namespace

std::expected<void, BridgeFault> take_offer(Stream& stream, Side offerer, const Content& content,
                                            const Manner& answerer) {
    const bool ice = content.transport.kind == jingle::TransportKind::ice_udp;
    const Manner said{.ice = ice,
                      .protection = ice && content.transport.fingerprint ? Protection::dtls
                                    : !content.cryptos.empty()           ? Protection::sdes
                                                                         : Protection::none,
                      .must_encrypt = content.must_encrypt};
    // A fingerprint that proves nothing is no reason to go on in the clear.
    if (ice && content.transport.has_fingerprint && !content.transport.fingerprint)
        return std::unexpected{BridgeFault::security};
    if (content.must_encrypt && said.protection == Protection::none) return std::unexpected{BridgeFault::security};
    auto towards_offerer = fresh_leg(said, offerer);
    towards_offerer.offers_mux = towards_offerer.mux = content.rtcp_mux;
    answer_security(towards_offerer, content);
    auto towards_answerer = fresh_leg(answerer, other(offerer));
    towards_answerer.offers_mux = answerer.ice;
    offer_security(towards_answerer);
    stream.offered_types = content.payload_types;
    stream.offered_bandwidth = content.bandwidth;
    stream.ice = said.ice && answerer.ice;
    stream.leg(offerer).said.bridge = std::move(towards_offerer);
    stream.leg(other(offerer)).said.bridge = std::move(towards_answerer);
    return {};
}

std::expected<void, BridgeFault> take_answer(Stream& stream, Side answerer, const Content& content) {
    auto& leg = leg_of(stream, answerer);
    leg.mux = leg.offers_mux && content.rtcp_mux;
    map_payload_types(leg_of(stream, other(answerer)), leg, stream.offered_types, content.payload_types);
    if (content.media != "video") note_sound(stream, answerer, content);
    if (leg.manner.protection == Protection::dtls) return settle_dtls(leg, content);
    if (leg.manner.protection == Protection::sdes) return settle_sdes(leg, content);
    return {};
}

void restart_leg(Stream& stream, Side side) {
    auto& leg = leg_of(stream, side);
    leg.own = fresh_credentials();
    leg.restarted = true;
}

xml::Element leg_transport(const Stream& stream, Side to) {
    const auto& leg = *stream.leg(to).said.bridge;
    std::vector<jingle::RelayAddress> addresses;
    const auto last = leg.mux ? 1u : 2u;
    for (const auto& address : stream.ports.told[index(to)])
        if (address.component <= last) addresses.push_back(address);
    if (!leg.manner.ice) return jingle::make_raw_transport(of_family(std::move(addresses), stream.leg(to).said));
    const auto over_tcp = tcp_addresses(stream, to, leg.mux ? 1U : 3U);
    addresses.insert(addresses.end(), over_tcp.begin(), over_tcp.end());
    auto transport = jingle::make_ice_transport(leg.own, addresses, std::to_string(stream.leg(to).restarts));
    if (leg.manner.protection == Protection::dtls)
        jingle::add_fingerprint(transport, {.hash = "sha-256", .value = stream.ports.fingerprint, .setup = leg.setup});
    return transport;
}

void describe_leg(const Stream& stream, const Stream& carrier, Side to, xml::Element& content) {
    const auto& leg = *stream.leg(to).said.bridge;
    jingle::replace_transport(content, leg_transport(carrier, to));
    auto* description = content.child("description");
    if (!description) return;
    jingle::set_encryption(*description, told(leg), leg.manner.must_encrypt);
    jingle::set_rtcp_mux(*description, leg.offers_mux);
    // What the other side calls by its numbers, this side knows by its own.
    jingle::renumber(*description, stream.leg(other(to)).said.bridge->payload_types);
    describe_codecs(stream, to, *description);
}

}  // namespace carillon::calls
