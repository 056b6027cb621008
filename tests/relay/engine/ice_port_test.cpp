/// Many legs on one port, with real sockets on loopback: who gets what, and what strangers can do.
#include "relay/engine/ice_port.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

Address loopback(std::uint16_t port) {
    auto address = *Address::parse("127.0.0.1", 1);
    address.port = port;
    return address;
}

std::uint16_t port_of(int descriptor) {
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &length);
    return Address::from(local).port;
}

/// An endpoint: a socket, and the name and password that it and the relay know each other by.
class End {
  public:
    explicit End(const std::string& name)
        : ufrag{name + "-end"},
          relay_ufrag{name + "-relay"},
          password{name + "-password-of-the-end-22"},
          relay_password{name + "-password-of-the-relay-22"},
          socket_{*UdpSocket::bind(loopback(0))} {}

    void send(Bytes datagram, std::uint16_t port) const {
        sockaddr_storage raw{};
        const auto length = loopback(port).fill(raw);
        ::sendto(socket_.fd(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&raw), length);
    }
    /// Loopback has delivered when sendto() returns: nothing is waited for.
    Packet receive() const {
        Packet data(2048);
        const auto size = ::recv(socket_.fd(), data.data(), data.size(), MSG_DONTWAIT);
        data.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return data;
    }
    std::uint16_t port() const { return port_of(socket_.fd()); }
    /// From another address from now on.
    void move() { socket_ = *UdpSocket::bind(loopback(0)); }

    const std::string ufrag, relay_ufrag;
    const std::string password, relay_password;

  private:
    UdpSocket socket_;
};

Packet check(const std::string& username, std::string_view password) {
    Packet room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{7}}};
    const auto made = builder.text(stun::Attribute::username, username).integrity(password).fingerprint().finish();
    return {made.begin(), made.end()};
}
Packet check(const End& end) { return check(end.relay_ufrag + ':' + end.ufrag, end.relay_password); }

Packet answer_to(Bytes question, std::string_view password) {
    Packet room(256);
    const auto id = stun::Message::parse(question)->transaction_id();
    stun::Builder builder{room, stun::Class::success, stun::Method::binding, id};
    const auto made = builder.integrity(password).fingerprint().finish();
    return {made.begin(), made.end()};
}

bool is_success(Bytes datagram) {
    const auto message = stun::Message::parse(datagram);
    return message && message->message_class() == stun::Class::success;
}
bool is_request(Bytes datagram) {
    const auto message = stun::Message::parse(datagram);
    return message && message->message_class() == stun::Class::request;
}

Packet rtp(std::uint32_t ssrc) {
    static std::uint16_t sequence = 0;
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(++sequence), out.u32(160u * sequence), out.u32(ssrc);
    out.zeros(160);
    return out.release();
}

api::LegSetup leg_of(const End& end) {
    api::LegSetup leg;
    leg.use_ice = leg.rtcp_mux = true;
    leg.own_ice = {end.relay_ufrag, end.relay_password};
    leg.ice = {{end.ufrag, end.password}};
    return leg;
}

class IcePortTest : public testing::Test {
  protected:
    IcePortTest() {
        auto socket = *UdpSocket::bind(loopback(0), 1 << 20);
        fd_ = socket.fd();
        number = port_of(fd_);
        std::vector<UdpSocket> sockets;
        sockets.push_back(std::move(socket));
        port = std::make_unique<IcePort>(std::move(sockets), counters);
        port->start([this](Port& listener) { listener_ = &listener; });
    }
    std::unique_ptr<Stream> call(const End& a, const End& b) {
        Stream::Ports seats;
        for (auto& leg : seats) {
            leg.push_back({.port = number, .sockets = {}, .shared = true});
            leg.back().sockets.push_back(UdpSocket::borrow(fd_));
        }
        const api::StreamSetup setup{.stream = "s", .mode = api::Mode::bridge, .a = leg_of(a), .b = leg_of(b)};
        auto stream = std::make_unique<Stream>("call", setup, std::move(seats), now);
        stream->take_seats(*port);
        return stream;
    }
    /// Has the port take what waits.
    void turn() {
        port->ready(*listener_, 0, now);
        port->flush();
    }
    void prove(const End& end) {
        end.send(check(end), number);
        turn();
    }
    void say(const End& end, const Packet& packet) {
        end.send(packet, number);
        turn();
    }

    int fd_ = -1;
    Port* listener_ = nullptr;
    std::uint16_t number = 0;
    SteadyTime now{1h};
    std::shared_ptr<IcePortCounters> counters = std::make_shared<IcePortCounters>();
    std::unique_ptr<IcePort> port;
};

TEST_F(IcePortTest, LegsOfManyStreamsAreToldApart) {
    constexpr unsigned kCalls = 40;
    std::vector<std::unique_ptr<End>> ends;
    std::vector<std::unique_ptr<Stream>> streams;
    for (unsigned i = 0; i < kCalls; ++i) {
        ends.push_back(std::make_unique<End>("a" + std::to_string(i)));
        ends.push_back(std::make_unique<End>("b" + std::to_string(i)));
        streams.push_back(call(*ends[2 * i], *ends[2 * i + 1]));
    }
    for (const auto& end : ends) end->send(check(*end), number);
    turn();
    for (const auto& end : ends) EXPECT_TRUE(is_success(end->receive()));
    // All at once: they share the reads and the sends.
    std::vector<Packet> said;
    for (std::uint32_t i = 0; i < ends.size(); ++i) ends[i]->send(said.emplace_back(rtp(i)), number);
    turn();
    turn();
    for (std::uint32_t i = 0; i < ends.size(); ++i) {
        EXPECT_EQ(ends[i]->receive(), said[i ^ 1]) << i;
        EXPECT_TRUE(ends[i]->receive().empty()) << "and nobody else's";
    }
    EXPECT_EQ(port->addresses(), ends.size());
    EXPECT_EQ(counters->packets, 2 * ends.size());
    streams.clear();
    EXPECT_EQ(port->addresses(), 0u);
    say(*ends[0], rtp(1));
    prove(*ends[0]);
    EXPECT_EQ(counters->unproven, 1u);
    EXPECT_EQ(counters->unknown_user, 1u) << "an ended leg's name leads nowhere";
    EXPECT_TRUE(ends[0]->receive().empty());
}

TEST_F(IcePortTest, AnEndpointThatMovesIsFoundByItsNextCheck) {
    End a{"a"};
    End b{"b"};
    const auto stream = call(a, b);
    prove(a);
    prove(b);
    a.move();
    say(a, rtp(1));
    EXPECT_EQ(counters->unproven, 1u);
    prove(a);
    EXPECT_TRUE(is_success(a.receive()));
    b.receive();
    const auto packet = rtp(2);
    say(a, packet);
    EXPECT_EQ(b.receive(), packet);
}

TEST_F(IcePortTest, ARestartedLegIsCalledByItsNewNameToo) {
    End a{"a"};
    End b{"b"};
    const auto stream = call(a, b);
    auto leg = leg_of(a);
    leg.own_ice = {"fresh-name", a.relay_password};
    stream->update(0, leg, now);
    for (const auto& name : {std::string{"fresh-name"}, a.relay_ufrag}) {
        a.send(check(name + ':' + a.ufrag, a.relay_password), number);
        turn();
        EXPECT_TRUE(is_success(a.receive())) << name;
    }
}

TEST_F(IcePortTest, ALegNeverTakesAnotherOnesName) {
    End a{"a"};
    End b{"b"};
    End other{"b"};
    const auto first = call(a, b);
    End c{"c"};
    auto second = call(c, other);  // its second leg is called like the first call's
    prove(b);
    EXPECT_TRUE(is_success(b.receive()));
    second.reset();
    prove(b);
    EXPECT_TRUE(is_success(b.receive())) << "the other's end took the name away";
}

using IcePortSafety = IcePortTest;

TEST_F(IcePortSafety, WhatProvesNothingGetsNoAnswerAndGoesNowhere) {
    End a{"a"};
    End b{"b"};
    const auto stream = call(a, b);
    prove(a);
    prove(b);
    a.receive(), b.receive();
    const End stranger{"stranger"};
    const std::vector<Packet> tried{
        check(a.relay_ufrag + ':' + a.ufrag, "a guess of 22 characters"),
        check(a.relay_ufrag, a.relay_password),
        check(a.relay_ufrag + ":wrong", a.relay_password),
        check("guessed:" + a.ufrag, a.relay_password),
        check("", a.relay_password),
        rtp(1),
        Packet(40, std::byte{22}),  // DTLS
        Packet{std::byte{0}},
        Packet{},
        answer_to(check(a), a.password),
        Packet(20, std::byte{0x80}),
    };
    for (const auto& packet : tried) say(stranger, packet);
    EXPECT_TRUE(stranger.receive().empty());
    EXPECT_TRUE(a.receive().empty());
    EXPECT_TRUE(b.receive().empty());
    EXPECT_EQ(port->addresses(), 2u);
    EXPECT_EQ(counters->unknown_user, 2u);
    EXPECT_EQ(counters->unproven, 6u);
    EXPECT_EQ(stream->counters(now).a.drops.at("bad_check"), 3u);
    // Longer than a datagram the relay takes.
    say(a, Packet(4000, std::byte{0x80}));
    EXPECT_EQ(counters->oversize, 1u);
}

TEST_F(IcePortSafety, ALegThatProvesAddressWithoutEndKeepsFour) {
    End a{"a"};
    End b{"b"};
    End victim{"victim"};
    End friend_{"friend"};
    const auto attack = call(a, b);
    const auto other = call(victim, friend_);
    prove(victim);
    prove(friend_);
    for (int i = 0; i < 200; ++i) {
        a.move();
        now += 10ms;
        prove(a);
        ASSERT_TRUE(is_success(a.receive()));
        ASSERT_LE(port->addresses(), 2 + IceLearner::kMaxProven);
    }
    victim.receive(), friend_.receive();
    const auto packet = rtp(1);
    say(victim, packet);
    EXPECT_EQ(friend_.receive(), packet);
    prove(b);
    b.receive();
    say(a, packet);
    EXPECT_EQ(b.receive(), packet) << "the newest address is one of the four";
}

// Whoever can write a false source address has a leg of its own, knows where the victim is, and checks from there.
TEST_F(IcePortSafety, AnAddressWhereSomebodyIsAliveIsNotTakenByACheckAlone) {
    End victim{"victim"};
    End friend_{"friend"};
    End a{"attacker"};
    End b{"accomplice"};
    const auto call_of_victim = call(victim, friend_);
    const auto attack = call(a, b);
    for (const auto* end : {&victim, &friend_, &b}) {
        prove(*end);
        end->receive();
    }
    victim.send(check(a), number);  // as forged
    turn();
    EXPECT_EQ(counters->contested, 1u);
    bool asked = false;
    for (auto got = victim.receive(); !got.empty(); got = victim.receive()) asked = asked || is_request(got);
    EXPECT_TRUE(asked) << "whoever is there is asked, and the victim knows nothing of it";
    const auto packet = rtp(1);
    say(victim, packet);
    EXPECT_EQ(friend_.receive(), packet);
    EXPECT_TRUE(b.receive().empty());
    // Nor by an answer from elsewhere, or under another password.
    victim.send(check(a), number);
    turn();
    Packet question;
    for (auto got = victim.receive(); !got.empty(); got = victim.receive())
        if (is_request(got)) question = got;
    say(a, answer_to(question, a.password));
    say(victim, answer_to(question, victim.password));
    say(victim, packet);
    EXPECT_EQ(friend_.receive(), packet);
    EXPECT_TRUE(b.receive().empty());
}

TEST_F(IcePortTest, AnAddressGoesToWhoShowsThatItGetsWhatIsSentThere) {
    End a{"a"};
    End b{"b"};
    End c{"c"};
    const auto before = call(a, b);
    prove(a);
    a.receive();
    End d{"d"};
    const auto after = call(c, d);
    prove(d);
    d.receive();
    a.send(check(c), number);  // one agent, two sessions on one socket
    turn();
    Packet question;
    for (auto got = a.receive(); !got.empty(); got = a.receive())
        if (is_request(got)) question = got;
    ASSERT_FALSE(question.empty());
    EXPECT_TRUE(stun::Message::parse(question)->integrity_matches(c.password));
    say(a, answer_to(question, c.password));
    const auto packet = rtp(1);
    say(a, packet);
    EXPECT_EQ(d.receive(), packet);
    EXPECT_EQ(port->addresses(), 2u);
}

TEST_F(IcePortTest, AnAddressThatFellSilentIsAnybodys) {
    End a{"a"};
    End b{"b"};
    const auto before = call(a, b);
    prove(a);
    End c{"c"};
    End d{"d"};
    const auto after = call(c, d);
    prove(d);
    a.receive(), d.receive();
    now += IcePort::kAlive + 1s;
    a.send(check(c), number);
    turn();
    EXPECT_TRUE(is_success(a.receive()));
    const auto packet = rtp(1);
    say(a, packet);
    EXPECT_EQ(d.receive(), packet);
}

}  // namespace
}  // namespace carillon::relay
