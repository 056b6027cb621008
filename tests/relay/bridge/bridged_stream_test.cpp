/// Streams whose legs differ: what goes in protected one way comes out the other way. Real sockets on loopback for what
/// the relay itself says (DTLS), decisions for the rest.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "relay/engine/stream.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

Packet rtp(std::uint16_t sequence, std::uint8_t payload_type = 0) {
    ByteWriter out;
    out.u8(0x80), out.u8(payload_type), out.u16(sequence), out.u32(160u * sequence), out.u32(7);
    for (int i = 0; i < 160; ++i) out.u8(static_cast<std::uint8_t>(i));
    return out.release();
}

Address loopback(std::uint16_t port) { return *Address::parse("127.0.0.1", port); }

api::LegSetup plain_leg(std::uint16_t port) {
    api::LegSetup leg;
    leg.remotes = {{1, "127.0.0.1", port}};
    return leg;
}

Packet key(std::uint8_t seed) { return Packet(30, std::byte{seed}); }

api::LegSetup sdes_leg(std::uint16_t port) {
    auto leg = plain_leg(port);
    leg.security = {.protection = api::Protection::sdes,
                    .suite = "AES_CM_128_HMAC_SHA1_80",
                    .local = {{key(1), {}}},
                    .remote = {{key(2), {}}},
                    .fingerprint_hash = {},
                    .fingerprint = {}};
    return leg;
}

/// The endpoint's side of an SDES leg.
struct SdesEnd {
    srtp::Session out = *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(2), srtp::Direction::outbound);
    srtp::Session in = *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(1), srtp::Direction::inbound);
};

Packet sealed(srtp::Session& by, Packet packet) {
    const auto length = packet.size();
    packet.resize(length + srtp::kMaxOverhead);
    packet.resize(by.protect_rtp(packet, length).value_or(0));
    return packet;
}
Packet opened(srtp::Session& by, Packet packet) {
    packet.resize(by.unprotect_rtp(packet).value_or(0));
    return packet;
}

struct Outcome {
    Drop drop;
    Address to;
    Packet packet;
};

class Bridged {
  public:
    Bridged(const api::LegSetup& a, const api::LegSetup& b) : stream_{"call", setup(a, b), take(), {}, identity_} {}

    Outcome from(std::size_t leg, const Packet& packet, const Address& source) {
        std::array<std::byte, 2048> buffer{};
        std::ranges::copy(packet, buffer.begin());
        const auto& port = port_of(leg);
        const auto decision = stream_.on_bridged(port, buffer, packet.size(), source, now);
        return {
            decision.drop, decision.to, {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(decision.size)}};
    }
    const Port& port_of(std::size_t leg) {
        return *std::ranges::find_if(stream_.ports(), [&](const Port& port) { return port.leg == leg; });
    }
    Stream& stream() { return stream_; }
    const dtls::Fingerprint& fingerprint() const { return identity_->fingerprint(); }
    SteadyTime now{1h};

  private:
    static api::StreamSetup setup(const api::LegSetup& a, const api::LegSetup& b) {
        return {.stream = "audio", .mode = api::Mode::bridge, .a = a, .b = b};
    }
    Stream::Ports take() { return {allocator_.allocate(false), allocator_.allocate(false)}; }

    PortAllocator allocator_{{.first = static_cast<std::uint16_t>(30'000 + ::getpid() % 40 * 50),
                              .last = static_cast<std::uint16_t>(30'049 + ::getpid() % 40 * 50)}};
    std::shared_ptr<const dtls::Identity> identity_ = std::make_shared<const dtls::Identity>();
    Stream stream_;
};

TEST(Bridge, SdesIsOpenedForPlainRtpAndBack) {
    Bridged bridge{sdes_leg(5000), plain_leg(6000)};
    SdesEnd end;
    for (std::uint16_t i = 0; i < 100; ++i) {
        const auto there = bridge.from(0, sealed(end.out, rtp(i)), loopback(5000));
        ASSERT_EQ(there.drop, Drop::none) << i;
        EXPECT_EQ(there.to, loopback(6000));
        EXPECT_EQ(there.packet, rtp(i));
        const auto back = bridge.from(1, rtp(i), loopback(6000));
        ASSERT_EQ(back.drop, Drop::none);
        EXPECT_EQ(back.to, loopback(5000));
        EXPECT_NE(back.packet, rtp(i));
        EXPECT_EQ(opened(end.in, back.packet), rtp(i));
    }
}

TEST(BridgeSafety, ForgedAndReplayedPacketsGoNowhereAndTeachNothing) {
    auto leg = sdes_leg(5000);
    leg.remotes.clear();  // behind a NAT nobody knows
    Bridged bridge{leg, plain_leg(6000)};
    SdesEnd end;
    for (std::uint16_t i = 0; i < 20; ++i) EXPECT_EQ(bridge.from(0, rtp(i), loopback(6666)).drop, Drop::bad_srtp);
    EXPECT_EQ(bridge.from(1, rtp(1), loopback(6000)).drop, Drop::no_far_side)
        << "an address was learned from forgeries";
    const auto packet = sealed(end.out, rtp(1));
    bridge.from(0, packet, loopback(5000));
    bridge.from(0, sealed(end.out, rtp(2)), loopback(5000));
    EXPECT_EQ(bridge.from(0, sealed(end.out, rtp(3)), loopback(5000)).drop, Drop::none);
    EXPECT_EQ(bridge.from(0, packet, loopback(6666)).drop, Drop::replayed);
    EXPECT_EQ(bridge.from(0, sealed(end.out, rtp(4)), loopback(6666)).drop, Drop::unproven)
        << "learned once, then strict";
    EXPECT_EQ(bridge.from(1, rtp(2), loopback(6000)).to, loopback(5000));
    EXPECT_EQ(bridge.from(1, rtp(3), loopback(6666)).drop, Drop::unproven) << "injected into a plain leg";
}

TEST(BridgeSafety, KeysThatStayKeepTheirCountersWhenOthersChange) {
    Bridged bridge{sdes_leg(5000), plain_leg(6000)};
    SdesEnd end;
    // Across a roll-over: begun anew, the relay would seal under index 1 once more.
    for (const std::uint16_t i : {65534, 65535, 0, 1}) {
        const auto back = bridge.from(1, rtp(i), loopback(6000));
        EXPECT_EQ(opened(end.in, back.packet), rtp(i));
    }
    const auto old_packet = sealed(end.out, rtp(1));
    EXPECT_EQ(bridge.from(0, old_packet, loopback(5000)).drop, Drop::none);
    auto rekeyed = sdes_leg(5000);
    rekeyed.security.remote = {{key(3), {}}};
    bridge.stream().update(0, rekeyed, bridge.now);
    EXPECT_EQ(opened(end.in, bridge.from(1, rtp(2), loopback(6000)).packet), rtp(2));
    EXPECT_EQ(bridge.from(0, sealed(end.out, rtp(2)), loopback(5000)).drop, Drop::bad_srtp);
    auto fresh = *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(3), srtp::Direction::outbound);
    EXPECT_EQ(bridge.from(0, sealed(fresh, rtp(3)), loopback(5000)).drop, Drop::none);
}

TEST(Bridge, PayloadTypesAreMappedByLeg) {
    auto a = plain_leg(5000);
    a.payload_types = {{111, 96}};
    auto b = plain_leg(6000);
    b.payload_types = {{96, 111}};
    Bridged bridge{a, b};
    EXPECT_EQ(bridge.from(0, rtp(1, 0x80 | 111), loopback(5000)).packet, rtp(1, 0x80 | 96));
    EXPECT_EQ(bridge.from(1, rtp(1, 96), loopback(6000)).packet, rtp(1, 111));
    EXPECT_EQ(bridge.from(1, rtp(2, 8), loopback(6000)).packet, rtp(2, 8));
}

/// A UDP socket of an endpoint, for what the relay sends by itself.
class Socket {
  public:
    Socket() : socket_{*UdpSocket::bind(unbound())} {}
    Address address() const {
        sockaddr_storage local{};
        socklen_t length = sizeof local;
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&local), &length);
        return Address::from(local);
    }
    Packet receive(std::chrono::milliseconds patience) const {
        pollfd wait{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
        Packet data(2048);
        if (::poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return {};
        data.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(socket_.fd(), data.data(), data.size(), 0), 0)));
        return data;
    }

  private:
    static Address unbound() {
        auto address = loopback(1);
        address.port = 0;
        return address;
    }
    UdpSocket socket_;
};

constexpr std::string_view kRelayPassword = "password-of-the-relay-22";
constexpr std::string_view kPhonePassword = "password-of-the-phone-22";

api::LegSetup dtls_leg(const dtls::Fingerprint& phone) {
    api::LegSetup leg;
    leg.use_ice = true;
    leg.own_ice = {"relay", std::string{kRelayPassword}};
    leg.ice = {{"phone", std::string{kPhonePassword}}};
    leg.rtcp_mux = true;
    leg.security = {.protection = api::Protection::dtls,
                    .suite = {},
                    .local = {},
                    .remote = {},
                    .fingerprint_hash = phone.hash,
                    .fingerprint = phone.value};
    return leg;
}

Packet check() {
    Packet room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{1}}};
    const auto made = builder.text(stun::Attribute::username, "relay:phone")
                          .attribute(stun::Attribute::use_candidate, {})
                          .integrity(kRelayPassword)
                          .fingerprint()
                          .finish();
    return {made.begin(), made.end()};
}

/// A phone with ICE and DTLS at A, one with neither at B.
struct DtlsCall {
    dtls::Identity identity;
    Socket socket;
    Bridged bridge{dtls_leg(identity.fingerprint()), plain_leg(6000)};
    std::vector<Packet> said;
    dtls::DtlsSrtp phone{identity, dtls::Role::client, bridge.fingerprint(),
                         [this](Bytes b) { said.emplace_back(b.begin(), b.end()); }};

    Outcome from_phone(const Packet& packet) { return bridge.from(0, packet, socket.address()); }
    void shake_hands() {
        phone.start();
        for (int i = 0; i < 50 && phone.state() == dtls::DtlsSrtp::State::handshaking; ++i) {
            const auto now_said = std::exchange(said, {});
            for (const auto& each : now_said) EXPECT_EQ(from_phone(each).drop, Drop::consumed);
            if (const auto heard = socket.receive(100ms); !heard.empty()) phone.receive(heard);
        }
        for (const auto& each : said) from_phone(each);
    }
};

TEST(Bridge, DtlsSrtpIsOpenedForPlainRtpAndBack) {
    DtlsCall call;
    const auto answer = call.from_phone(check());
    ASSERT_EQ(answer.drop, Drop::none);
    EXPECT_EQ(answer.to, call.socket.address());
    EXPECT_TRUE(stun::Message::parse(answer.packet)->integrity_matches(kRelayPassword));
    EXPECT_EQ(call.bridge.from(1, rtp(1), loopback(6000)).drop, Drop::no_keys);
    call.shake_hands();
    ASSERT_EQ(call.phone.state(), dtls::DtlsSrtp::State::established) << call.phone.failure();
    const auto& keys = *call.phone.keys();
    EXPECT_EQ(keys.profile, srtp::Profile::aead_aes_128_gcm);
    auto out = *srtp::Session::create(keys.profile, keys.local, srtp::Direction::outbound);
    auto in = *srtp::Session::create(keys.profile, keys.remote, srtp::Direction::inbound);
    for (std::uint16_t i = 10; i < 60; ++i) {
        const auto there = call.from_phone(sealed(out, rtp(i)));
        ASSERT_EQ(there.drop, Drop::none) << i;
        EXPECT_EQ(there.packet, rtp(i));
        EXPECT_EQ(there.to, loopback(6000));
        const auto back = call.bridge.from(1, rtp(i), loopback(6000));
        ASSERT_EQ(back.drop, Drop::none);
        EXPECT_EQ(back.to, call.socket.address());
        EXPECT_EQ(opened(in, back.packet), rtp(i));
    }
}

TEST(Bridge, OnceSealedPacketsComeTheHandshakesStateIsDropped) {
    DtlsCall call;
    call.from_phone(check());
    call.shake_hands();
    ASSERT_EQ(call.phone.state(), dtls::DtlsSrtp::State::established) << call.phone.failure();
    auto out = *srtp::Session::create(call.phone.keys()->profile, call.phone.keys()->local, srtp::Direction::outbound);
    ASSERT_EQ(call.from_phone(sealed(out, rtp(1))).drop, Drop::none);
    call.bridge.stream().tick();
    while (!call.socket.receive(0ms).empty()) {
    }
    // A late flight or another handshake is not answered, and neither it nor a check changes what is agreed.
    std::vector<Packet> hello;
    dtls::DtlsSrtp again{call.identity, dtls::Role::client, call.bridge.fingerprint(),
                         [&](Bytes b) { hello.emplace_back(b.begin(), b.end()); }};
    again.start();
    ASSERT_FALSE(hello.empty());
    EXPECT_EQ(call.from_phone(hello.front()).drop, Drop::consumed);
    EXPECT_TRUE(call.socket.receive(50ms).empty());
    call.from_phone(check());
    EXPECT_EQ(call.from_phone(sealed(out, rtp(2))).packet, rtp(2));
    EXPECT_EQ(call.bridge.from(1, rtp(2), loopback(6000)).drop, Drop::none);
}

TEST(BridgeSafety, DtlsIsTakenFromTheProvenAddressOnly) {
    DtlsCall call;
    call.phone.start();
    ASSERT_FALSE(call.said.empty());
    const auto hello = call.said.front();
    EXPECT_EQ(call.from_phone(hello).drop, Drop::unproven) << "before any check";
    call.from_phone(check());
    EXPECT_EQ(call.bridge.from(0, hello, loopback(6666)).drop, Drop::unproven);
    EXPECT_TRUE(call.socket.receive(50ms).empty()) << "it answered a stranger's ClientHello";
    call.shake_hands();
    EXPECT_EQ(call.phone.state(), dtls::DtlsSrtp::State::established);
    // Alerts in the clear, even from the proven address, end nothing.
    const Packet alert{std::byte{21}, std::byte{0xFE}, std::byte{0xFD}, {}, {}, {}, {}, {}, {}, {}, std::byte{9}, {},
                       std::byte{2},  std::byte{2},    std::byte{40}};
    call.from_phone(alert);
    auto out = *srtp::Session::create(call.phone.keys()->profile, call.phone.keys()->local, srtp::Direction::outbound);
    EXPECT_EQ(call.from_phone(sealed(out, rtp(1))).packet, rtp(1));
}

TEST(BridgeSafety, AnotherCertificateThanSignalledGetsNoKeys) {
    DtlsCall call;
    call.bridge.stream().update(0, dtls_leg(dtls::Identity{}.fingerprint()), call.bridge.now);
    call.from_phone(check());
    call.shake_hands();
    EXPECT_EQ(call.from_phone(rtp(1)).drop, Drop::no_keys);
    EXPECT_EQ(call.bridge.from(1, rtp(1), loopback(6000)).drop, Drop::no_keys);
}

}  // namespace
}  // namespace carillon::relay
