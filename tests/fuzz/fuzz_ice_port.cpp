/// A script of datagrams at the one port of many ICE legs, where STUN, DTLS and RTP come mixed (RFC 7983): checks under
/// the right password, under another leg's or none, handshakes, media sealed and not, from addresses that several legs
/// claim. Whatever comes: who never proved an address is never sent anything, and the port's tables stay bounded.
/// Input: steps of four octets: what, by whom, for which leg, and one of detail; some take octets of what follows.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "media/dtls/dtls_srtp.h"
#include "relay/engine/ice_port.h"
#include "tests/fuzz/loopback.h"

using namespace carillon;
using namespace carillon::relay;
using namespace carillon::fuzz;

namespace {

constexpr std::size_t kSources = 6, kCalls = 2, kLegs = 2 * kCalls;
constexpr std::size_t kStranger = kSources - 1;  // knows no password
constexpr std::size_t kAddressesOfLeg = 4;

/// Sockets, made once.
struct Network {
    UdpSocket port = bind_to("127.0.0.1", 1 << 20);
    std::vector<UdpSocket> sources;
    std::shared_ptr<const dtls::Identity> relay = std::make_shared<const dtls::Identity>();
    dtls::Identity phone;
    Network() {
        for (std::size_t i = 0; i < kSources; ++i) {
            sources.push_back(bind_to("127.0.0.1"));
            fuzz::connect(sources.back(), port);
        }
    }
};

Network& network() {
    static Network made;
    return made;
}

std::string ufrag(std::size_t leg, bool relays) { return (relays ? "relay-" : "phone-") + std::to_string(leg); }
std::string password(std::size_t leg, bool relays) { return ufrag(leg, relays) + "-password-of-22-or-more"; }

/// Leg 0 and 2 of DTLS, as either end of the handshake; 1 of SDES, 3 of nothing.
api::LegSetup setup_of(std::size_t leg) {
    api::LegSetup out;
    out.use_ice = out.rtcp_mux = true;
    out.own_ice = {ufrag(leg, true), password(leg, true)};
    out.ice = {{ufrag(leg, false), password(leg, false)}};
    auto& security = out.security;
    if (leg % 2 == 0) {
        const auto& fingerprint = network().phone.fingerprint();
        security.protection = api::Protection::dtls;
        security.fingerprint_hash = fingerprint.hash;
        security.fingerprint = fingerprint.value;
        security.active = leg == 2;
    } else if (leg == 1) {
        security.protection = api::Protection::sdes;
        security.suite = "AES_CM_128_HMAC_SHA1_80";
        security.local = {{std::vector<std::byte>(30, std::byte{1}), {}}};
        security.remote = {{std::vector<std::byte>(30, std::byte{2}), {}}};
    }
    return out;
}

struct Script {
    Script() {
        for (const auto& source : network().sources) drain(source);
        drain(network().port);
        std::vector<UdpSocket> sockets;
        sockets.push_back(UdpSocket::borrow(network().port.fd()));
        port = std::make_unique<IcePort>(std::move(sockets), counters);
        port->start([this](Port& one) { listener = &one; });
        for (std::size_t call = 0; call < kCalls; ++call) begin(call);
    }
    ~Script() {
        for (auto& call : calls) call.reset();
        require(port->addresses() == 0);
    }

    void begin(std::size_t call) {
        calls[call].reset();
        ends[call].reset();
        Stream::Ports seats;
        for (auto& leg : seats) {
            leg.push_back({.port = Address::from(name_of(network().port)).port, .sockets = {}, .shared = true});
            leg.back().sockets.push_back(UdpSocket::borrow(network().port.fd()));
        }
        const api::StreamSetup setup{
            .stream = "s", .mode = api::Mode::bridge, .a = setup_of(2 * call), .b = setup_of(2 * call + 1)};
        calls[call] = std::make_unique<Stream>("call", setup, std::move(seats), now, network().relay);
        calls[call]->take_seats(*port);
    }

    void say(std::size_t who, Bytes datagram) {
        ::send(network().sources[who].fd(), datagram.data(), datagram.size(), MSG_DONTWAIT);
        port->ready(*listener, 0, now);
        port->flush();
        require(port->addresses() <= kLegs * kAddressesOfLeg);
        hear();
    }

    /// Honest ends take what comes: handshakes go on, questions wait for their answers.
    void hear() {
        require(next_at(network().sources[kStranger]).empty());
        for (std::size_t who = 0; who < kStranger; ++who)
            for (auto datagram = next_at(network().sources[who]); !datagram.empty();
                 datagram = next_at(network().sources[who]))
                last_heard[who] = std::move(datagram);
    }

    void check(std::size_t who, std::size_t leg, unsigned detail) {
        std::array<std::byte, 512> room;
        stun::TransactionId id{};
        id[0] = static_cast<std::byte>(++transactions);
        const auto type = detail % 4 == 3 ? stun::Class::indication : stun::Class::request;
        stun::Builder message{room, type, stun::Method::binding, id};
        message.text(stun::Attribute::username, ufrag(leg, true) + ':' + ufrag(leg, false));
        if ((detail & 4) != 0) message.attribute(stun::Attribute::use_candidate, Bytes{});
        const bool knows = who != kStranger && (detail & 8) == 0;
        say(who, message.integrity(knows ? password(leg, true) : password(leg, false) + "x").fingerprint().finish());
    }

    /// To the last question heard, if it was one.
    void answer(std::size_t who, std::size_t leg, unsigned detail) {
        const auto question = stun::Message::parse(last_heard[who]);
        if (!question || who == kStranger) return;
        std::array<std::byte, 512> room;
        const auto type = detail % 4 == 3 ? stun::Class::error : stun::Class::success;
        stun::Builder message{room, type, stun::Method::binding, question->transaction_id()};
        say(who, message.integrity(password(leg, (detail & 4) != 0)).fingerprint().finish());
    }

    /// The phone's side of leg 0 or 2, by whichever address.
    void shake(std::size_t who, std::size_t leg) {
        auto& end = ends[leg / 2];
        std::vector<Packet> flight;
        if (!end) {
            const auto role = leg / 2 == 1 ? dtls::Role::server : dtls::Role::client;
            end = std::make_unique<dtls::DtlsSrtp>(network().phone, role, network().relay->fingerprint(),
                                                   [this](Bytes datagram) { out(datagram); });
            flight_ = &flight;
            end->start();
        } else {
            flight_ = &flight;
            const auto heard = std::exchange(last_heard[who], {});
            if (!heard.empty() && heard[0] >= std::byte{20} && heard[0] < std::byte{64}) end->receive(heard);
            end->on_timer();
        }
        for (const auto& datagram : flight) say(who, datagram);
        flight_ = nullptr;
    }
    void out(Bytes datagram) {
        if (flight_) flight_->emplace_back(datagram.begin(), datagram.end());
    }

    void media(std::size_t who, unsigned detail, Bytes more) {
        ByteWriter packet;
        packet.u8(0x80), packet.u8(static_cast<std::uint8_t>(detail)), packet.u16(++sequence);
        packet.u32(sequence * 160u), packet.u32(detail % 3), packet.bytes(more);
        say(who, packet.release());
    }

    void step(Bytes& in) {
        const auto octet = [&](std::size_t i) { return std::to_integer<unsigned>(in[i]); };
        const auto what = octet(0) % 9;
        const std::size_t who = octet(1) % kSources, leg = octet(2) % kLegs;
        const auto detail = octet(3);
        in = in.subspan(4);
        const auto take = [&](std::size_t most) {
            const auto taken = in.first(std::min(most, in.size()));
            in = in.subspan(taken.size());
            return taken;
        };
        if (what <= 1) {
            check(who, leg, detail);
        } else if (what == 2) {
            answer(who, leg, detail);
        } else if (what == 3) {
            shake(who == kStranger ? 0 : who, leg);
        } else if (what == 4) {
            say(who, take(detail));
        } else if (what == 5) {
            media(who, detail, take(detail));
        } else if (what == 6) {
            now += std::chrono::milliseconds{detail * 100};
            port->tick(now);
            for (auto& call : calls) call->tick();
            hear();
        } else if (what == 7 && detail < 64) {
            begin(leg / 2);
        } else if (what == 8) {
            say(who, last_heard[leg]);
        }
    }

    SteadyTime now{std::chrono::hours{1}};
    std::shared_ptr<IcePortCounters> counters = std::make_shared<IcePortCounters>();
    std::unique_ptr<IcePort> port;
    Port* listener = nullptr;
    std::array<std::unique_ptr<Stream>, kCalls> calls;
    std::array<std::unique_ptr<dtls::DtlsSrtp>, kCalls> ends;
    std::array<Packet, kSources> last_heard;
    std::vector<Packet>* flight_ = nullptr;
    std::uint8_t transactions = 0;
    std::uint16_t sequence = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script script;
    Bytes in{reinterpret_cast<const std::byte*>(data), std::min<std::size_t>(size, 1024)};
    while (in.size() >= 4) script.step(in);
    return 0;
}
