/// Endpoints that come over TCP: what each gets, and how they live beside UDP.
#include "relay/icetcp/ice_tcp_port.h"

#include <gtest/gtest.h>

#include "tests/relay/icetcp/tcp_bench.h"

namespace carillon::relay {
namespace {

using IceTcp = TcpBench;

TEST_F(IceTcp, CarriesABridgedLegBothWays) {
    bridge();
    TcpEnd a{number};
    const UdpEnd b{udp(1)};
    a.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    b.say(check(bob.relay, bob.end, true));
    EXPECT_TRUE(is(next(b), stun::Class::success));
    for (std::uint16_t i = 0; i < 40; ++i) a.say(rtp(i));
    for (std::uint16_t i = 0; i < 40; ++i) EXPECT_EQ(next(b), rtp(i));
    for (std::uint16_t i = 0; i < 40; ++i) b.say(rtp(i));
    for (std::uint16_t i = 0; i < 40; ++i) EXPECT_EQ(next(a), rtp(i));
    EXPECT_EQ(counters->connections, 1U);
    EXPECT_EQ(stream->counters(now).a.learned, "127.0.0.1:" + std::to_string(a.port()));
}

TEST_F(IceTcp, CarriesBothLegsAndIPv6) {
    bridge();
    TcpEnd a{number_v6, true};
    TcpEnd b{number};
    a.say(check(alice.relay, alice.end, true));
    b.say(check(bob.relay, bob.end, true));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    EXPECT_TRUE(is(next(b), stun::Class::success));
    a.say(rtp(1));
    EXPECT_EQ(next(b), rtp(1));
    b.say(rtp(2));
    EXPECT_EQ(next(a), rtp(2));
}

TEST_F(IceTcp, PassesChecksOnWhereTheEndsSpeakToOneAnother) {
    forward();
    TcpEnd a{number};
    const UdpEnd b{udp(1)};
    b.say(check(alice.end, bob.end));  // too early: nobody knows where alice is
    turn();
    a.say(check(bob.end, alice.end));
    EXPECT_EQ(next(a), check(alice.end, bob.end)) << "it was kept for her";
    EXPECT_EQ(next(b), check(bob.end, alice.end));
    a.say(answer_to(check(alice.end, bob.end), alice.end.pwd));
    EXPECT_TRUE(is(next(b), stun::Class::success));
    b.say(answer_to(check(bob.end, alice.end), bob.end.pwd));
    EXPECT_TRUE(is(next(a), stun::Class::success)) << "back to where the check came from";
    a.say(rtp(1));
    EXPECT_EQ(next(b), rtp(1));
    b.say(rtp(2));
    EXPECT_EQ(next(a), rtp(2));
}

TEST_F(IceTcp, KeepsACheckThatComesBeforeTheOtherEndsNameIsKnown) {
    stream = make({.stream = "s", .mode = api::Mode::ice, .a = forwarded(alice), .b = {}});
    TcpEnd b{number};
    const UdpEnd a{udp(0)};
    b.say(check(alice.end, bob.end));  // alice's offer has reached him, his answer is under way
    ASSERT_TRUE(until([&] { return counters->connections == 1; }));
    stream->update(1, forwarded(bob), now);
    pass_due();
    a.say(check(bob.end, alice.end));
    EXPECT_EQ(next(a), check(alice.end, bob.end));
    EXPECT_EQ(next(b), check(bob.end, alice.end));
}

TEST_F(IceTcp, TellsComponentsByThePriorityOfTheirChecks) {
    auto setup = api::StreamSetup{.stream = "s", .mode = api::Mode::bridge, .rtcp = true};
    setup.a = bridged(alice);
    setup.b = bridged(bob);
    setup.a.rtcp_mux = setup.b.rtcp_mux = false;
    stream = make(setup, 2);
    TcpEnd rtcp{number};
    const UdpEnd b{udp(1, 1)};
    rtcp.say(check(alice.relay, alice.end, true, 0x6E0000FE));
    EXPECT_TRUE(is(next(rtcp), stun::Class::success));
    b.say(check(bob.relay, bob.end, true, 0x6E0000FE));
    EXPECT_TRUE(is(next(b), stun::Class::success));
    ByteWriter report;
    report.u8(0x81), report.u8(201), report.u16(7), report.u32(0x1234), report.zeros(24);
    const auto packet = report.release();
    rtcp.say(packet);
    EXPECT_EQ(next(b), packet);
}

TEST_F(IceTcp, PrefersUdpUntilTheEndSaysOtherwise) {
    bridge();
    TcpEnd a{number};
    const UdpEnd too{udp(0)};
    const UdpEnd b{udp(1)};
    b.say(check(bob.relay, bob.end, true));
    next(b);
    a.say(check(alice.relay, alice.end));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    b.say(rtp(1));
    EXPECT_EQ(next(a), rtp(1)) << "nothing else is known of her";
    too.say(check(alice.relay, alice.end));
    EXPECT_TRUE(is(next(too), stun::Class::success));
    b.say(rtp(2));
    EXPECT_EQ(next(too), rtp(2));
    a.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    b.say(rtp(3));
    EXPECT_EQ(next(a), rtp(3)) << "nominated";
    too.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(is(next(too), stun::Class::success));
    b.say(rtp(4));
    EXPECT_EQ(next(too), rtp(4)) << "and back";
}

TEST_F(IceTcp, GoesOnOverUdpWhenTheConnectionEnds) {
    bridge();
    TcpEnd a{number};
    const UdpEnd too{udp(0)};
    const UdpEnd b{udp(1)};
    b.say(check(bob.relay, bob.end, true));
    next(b);
    too.say(check(alice.relay, alice.end));
    next(too);
    a.say(check(alice.relay, alice.end, true));
    next(a);
    b.say(rtp(1));
    EXPECT_EQ(next(a), rtp(1));
    a.hang_up();
    ASSERT_TRUE(until([&] { return counters->connections == 0; }));
    b.say(rtp(2));
    EXPECT_EQ(next(too), rtp(2));
}

TEST_F(IceTcp, TakesAnEndBackThatConnectsAnew) {
    bridge();
    const UdpEnd b{udp(1)};
    b.say(check(bob.relay, bob.end, true));
    next(b);
    for (std::uint16_t i = 0; i < 3; ++i) {
        TcpEnd a{number};
        a.say(check(alice.relay, alice.end, true));
        EXPECT_TRUE(is(next(a), stun::Class::success));
        b.say(rtp(i));
        EXPECT_EQ(next(a), rtp(i));
    }
}

TEST_F(IceTcp, NominatesAConnectionOnlyWhenUdpHasHadItsTime) {
    auto setup = api::StreamSetup{.stream = "s", .mode = api::Mode::bridge};
    setup.a = bridged(alice);
    setup.b = bridged(bob);
    setup.a.controlling = true;
    stream = make(setup);
    TcpEnd a{number};
    a.say(check(alice.relay, alice.end));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    stream->tick(now + IceLite::kUdpFirst - 1ms);
    EXPECT_FALSE(port->waits()) << "nothing is to be said yet";
    stream->tick(now + IceLite::kUdpFirst);
    EXPECT_TRUE(port->waits());
    const auto question = next(a);
    const auto parsed = stun::Message::parse(question);
    ASSERT_TRUE(parsed && parsed->message_class() == stun::Class::request);
    EXPECT_TRUE(parsed->has(stun::Attribute::use_candidate));
    EXPECT_TRUE(parsed->integrity_matches(alice.end.pwd));
    stream->tick(now + IceLite::kUdpFirst + 1s);
    EXPECT_FALSE(port->waits()) << "TCP loses nothing";
    a.say(answer_to(question, alice.end.pwd));
    turn(20);
    stream->tick(now + 10s);
    EXPECT_FALSE(port->waits()) << "answered";
}

TEST_F(IceTcp, NominatesUdpThatProvesItselfMeanwhile) {
    auto setup = api::StreamSetup{.stream = "s", .mode = api::Mode::bridge};
    setup.a = bridged(alice);
    setup.b = bridged(bob);
    setup.a.controlling = true;
    stream = make(setup);
    TcpEnd a{number};
    a.say(check(alice.relay, alice.end));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    const UdpEnd too{udp(0)};
    too.say(check(alice.relay, alice.end));
    const auto first = next(too);
    const auto second = next(too);
    EXPECT_TRUE(is(first, stun::Class::success) != is(second, stun::Class::success));
    const auto& question = is(first, stun::Class::request) ? first : second;
    EXPECT_TRUE(stun::Message::parse(question)->has(stun::Attribute::use_candidate));
    too.say(answer_to(question, alice.end.pwd));
    turn(20);
    stream->tick(now + 5s);
    EXPECT_FALSE(port->waits());
}

TEST_F(IceTcp, FollowsAnIceRestart) {
    bridge();
    const UdpEnd b{udp(1)};
    b.say(check(bob.relay, bob.end, true));
    next(b);
    TcpEnd before{number};
    before.say(check(alice.relay, alice.end, true));
    next(before);
    const Names again{"alice-again"};
    auto setup = bridged(again);
    setup.ice.insert(setup.ice.begin(), {alice.end.ufrag, alice.end.pwd});
    stream->update(0, setup, now);
    TcpEnd a{number};
    a.say(check(again.relay, again.end, true));
    EXPECT_TRUE(is(next(a), stun::Class::success));
    b.say(rtp(1));
    EXPECT_EQ(next(a), rtp(1));
    before.say(check(alice.relay, alice.end));
    EXPECT_TRUE(is(next(before), stun::Class::success)) << "what was agreed before still counts";
}

TEST_F(IceTcp, EndsWithItsStream) {
    bridge();
    TcpEnd a{number};
    a.say(check(alice.relay, alice.end, true));
    next(a);
    stream.reset();
    EXPECT_TRUE(port->waits());
    EXPECT_TRUE(ends(a));
    TcpEnd late{number};
    late.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(ends(late)) << "the name is nobody's any more";
    EXPECT_EQ(counters->unknown_user, 1U);
}

}  // namespace
}  // namespace carillon::relay
