/// What strangers, slow readers and floods can do at the TCP port: nothing to anybody else.
#include <gtest/gtest.h>

#include "tests/relay/icetcp/tcp_bench.h"

namespace carillon::relay {
namespace {

using IceTcpAttack = TcpBench;

TEST_F(IceTcpAttack, WhoeverBeginsWithAnythingButACheckOfOursIsClosed) {
    bridge();
    const auto refused = [&](const Packet& octets) {
        TcpEnd end{number};
        end.raw(octets);
        return ends(end) && end.heard.empty();
    };
    const auto framed = [](const Packet& packet) {
        const auto header = icetcp::header_of(packet.size());
        Packet out{header.begin(), header.end()};
        out.insert(out.end(), packet.begin(), packet.end());
        return out;
    };
    const Names nobody{"nobody"};
    EXPECT_TRUE(refused(framed(check(nobody.relay, alice.end)))) << "no leg has that name";
    EXPECT_TRUE(refused(framed(check({alice.relay.ufrag, "another-password-of-22-octets"}, alice.end))));
    EXPECT_EQ(counters->unknown_user, 2U);
    EXPECT_TRUE(refused(framed(rtp(1))));
    EXPECT_TRUE(refused(framed(answer_to(check(alice.relay, alice.end), alice.relay.pwd))));
    Packet request;
    for (const char octet : std::string_view{"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"})
        request.push_back(static_cast<std::byte>(octet));
    EXPECT_TRUE(refused(request)) << "0x4745 octets would be too many";
    EXPECT_TRUE(refused(Packet{std::byte{0xFF}, std::byte{0xFF}}));
    EXPECT_TRUE(refused(Packet{std::byte{0x04}, std::byte{0x01}})) << "a first packet of 1025 octets";
    EXPECT_EQ(counters->oversize, 3U);
    EXPECT_EQ(counters->unproven, 2U);
    EXPECT_EQ(counters->connections, 0U);
}

TEST_F(IceTcpAttack, AForgedFingerprintIsNoCheck) {
    bridge();
    auto forged = check(alice.relay, alice.end);
    forged.back() ^= std::byte{1};
    TcpEnd end{number};
    end.say(forged);
    EXPECT_TRUE(ends(end));
}

TEST_F(IceTcpAttack, AFrameInPiecesIsWaitedForButNotLong) {
    bridge();
    TcpEnd a{number};
    const auto wanted = check(alice.relay, alice.end, true);
    const auto header = icetcp::header_of(wanted.size());
    for (const auto octet : header) {
        a.raw({&octet, 1});
        turn(5);
    }
    for (std::size_t at = 0; at < wanted.size(); at += 7) {
        a.raw(Bytes{wanted}.subspan(at, std::min<std::size_t>(7, wanted.size() - at)));
        turn(1);
    }
    EXPECT_TRUE(is(next(a), stun::Class::success));
    TcpEnd half{number};
    half.raw(Bytes{wanted}.first(1));
    TcpEnd silent{number};
    ASSERT_TRUE(until([&] { return counters->connections == 3; }));
    now += IceTcpConnection::kOpening + 1s;
    port->tick(now);
    EXPECT_TRUE(ends(half));
    EXPECT_TRUE(ends(silent));
    EXPECT_EQ(counters->connections, 1U);
}

TEST_F(IceTcpAttack, APacketThatIsTooLongEndsTheConnectionLater) {
    bridge();
    TcpEnd a{number};
    a.say(check(alice.relay, alice.end, true));
    next(a);
    a.say(Packet(IceTcpConnection::kFrameMost, std::byte{0x80}));
    turn(20);
    EXPECT_EQ(counters->connections, 1U) << "as long as one may be";
    a.raw(Packet{std::byte{0x08}, std::byte{0x01}});
    EXPECT_TRUE(ends(a));
}

TEST_F(IceTcpAttack, WhatIsNoMediaAndNoCheckReachesNobody) {
    bridge();
    TcpEnd a{number};
    const UdpEnd b{udp(1)};
    b.say(check(bob.relay, bob.end, true));
    next(b);
    a.say(check(alice.relay, alice.end, true));
    next(a);
    a.raw(Packet(64, std::byte{0}));  // null packets
    a.say(Packet(20, std::byte{0xFF}));
    a.say(check({alice.relay.ufrag, "another-password-of-22-octets"}, alice.end));
    a.say(rtp(9));
    EXPECT_EQ(next(b), rtp(9));
    EXPECT_TRUE(b.hear().empty());
    EXPECT_EQ(stream->counters(now).a.drops.at("not_media"), 1U);
    EXPECT_EQ(stream->counters(now).a.drops.at("bad_check"), 1U);
}

TEST_F(IceTcpAttack, ASlowReaderLosesPacketsAndStopsNobody) {
    bridge();
    TcpEnd a{number};
    const UdpEnd b{udp(1)};
    a.say(check(alice.relay, alice.end, true));
    next(a);
    b.say(check(bob.relay, bob.end, true));
    next(b);
    std::uint16_t sent = 0;
    while (counters->full < 10 && sent < 60'000) {  // alice reads nothing
        b.say(rtp(sent++, 1200));
        turn();
    }
    ASSERT_GE(counters->full, 10U);
    EXPECT_GE(stream->counters(now).a.drops.at("send_failed"), 10U);
    a.say(rtp(1));
    EXPECT_EQ(next(b), rtp(1)) << "what she says still passes";
    std::size_t heard = 0;
    until([&] {  // what was taken comes whole
        a.look();
        for (const auto& packet : a.heard) heard += packet.size() == 1200 ? 1 : 1'000'000;
        a.heard.clear();
        return heard + counters->full == sent;
    });
    EXPECT_EQ(heard + counters->full, sent);
    b.say(rtp(7));
    EXPECT_EQ(next(a), rtp(7));
}

TEST_F(IceTcpAttack, AStalledReaderIsLetGo) {
    bridge();
    TcpEnd a{number};
    const UdpEnd b{udp(1)};
    a.say(check(alice.relay, alice.end, true));
    next(a);
    b.say(check(bob.relay, bob.end, true));
    next(b);
    for (std::uint16_t i = 0; counters->full == 0 && i < 60'000; ++i) {
        b.say(rtp(i, 1200));
        turn();
    }
    now = std::chrono::steady_clock::now() + IceTcpConnection::kStalled + 2s;
    port->tick(now);
    EXPECT_TRUE(until([&] { return counters->connections == 0; }));
}

TEST_F(IceTcpAttack, ConsentThatIsNotRenewedEndsTheConnection) {
    bridge();
    TcpEnd a{number};
    for (int i = 0; i < 4; ++i) {
        a.say(check(alice.relay, alice.end, true));
        next(a);
        now += 5s;
    }
    for (int i = 0; i < 2; ++i) {
        now += 9s;
        a.say(rtp(static_cast<std::uint16_t>(i)));
        turn(5);
        port->tick(now);
    }
    EXPECT_EQ(counters->connections, 1U);
    now += 9s;
    port->tick(now);
    EXPECT_TRUE(ends(a));
}

TEST_F(IceTcpAttack, OneLegHasFourConnectionsAtMost) {
    bridge();
    std::vector<std::unique_ptr<TcpEnd>> ends_of_alice;
    for (int i = 0; i < 6; ++i) {
        auto& end = ends_of_alice.emplace_back(std::make_unique<TcpEnd>(number));
        end->say(check(alice.relay, alice.end, i == 0));
        EXPECT_TRUE(is(next(*end), stun::Class::success));
        now += 1s;
    }
    EXPECT_EQ(counters->connections, 4U);
    for (auto& end : ends_of_alice) end->look();
    EXPECT_FALSE(ends_of_alice.front()->ended) << "the one in use stays";
    EXPECT_FALSE(ends_of_alice.back()->ended);
}

class IceTcpFlood : public TcpBench {
  protected:
    IceTcpFlood() : TcpBench{{.connections = 40, .per_address = 12, .waiting = 4, .waiting_per_address = 6}} {}
};

TEST_F(IceTcpFlood, PushesOutItsOwnKindAndNobodyWhoHasShownWhoHeIs) {
    bridge();
    TcpEnd a{number};
    a.say(check(alice.relay, alice.end, true));
    next(a);
    std::vector<std::unique_ptr<TcpEnd>> flood;
    for (int i = 0; i < 30; ++i) {
        flood.push_back(std::make_unique<TcpEnd>(number));
        turn(1);
    }
    EXPECT_TRUE(until([&] { return counters->accepted + counters->refused >= 31; }));
    EXPECT_LE(counters->connections, 5U) << "four that wait, and hers";
    TcpEnd b{number};
    b.say(check(bob.relay, bob.end, true));
    EXPECT_TRUE(is(next(b), stun::Class::success)) << "in the middle of it";
    b.say(rtp(3));
    EXPECT_EQ(next(a), rtp(3));
}

TEST_F(IceTcpFlood, OneAddressHasABound) {
    bridge();
    std::vector<std::unique_ptr<TcpEnd>> many;
    for (int i = 0; i < 20; ++i) {  // each shows who it is: four of a leg live, the rest is closed
        many.push_back(std::make_unique<TcpEnd>(number));
        turn(1);
    }
    EXPECT_LE(counters->connections, 4U);
    EXPECT_GE(counters->unproven + counters->refused, 16U);
}

}  // namespace
}  // namespace carillon::relay
