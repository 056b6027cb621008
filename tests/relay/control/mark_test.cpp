/// DSCP marks through the worker.
#include "relay/ports/mark.h"
#include "tests/relay/control/worker_fixture.h"

namespace carillon::relay {
namespace {

constexpr int kExpedited = 46 << 2;  // RFC 3246
constexpr int kCongestion = 3;       // RFC 3168: CE

/// The traffic class of the next datagram; -1 when none comes.
int next_class(const Endpoint& endpoint) {
    pollfd wait{.fd = endpoint.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 2000) <= 0) return -1;
    std::array<char, 2048> data;
    alignas(cmsghdr) std::array<char, 64> control;
    iovec into{data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(endpoint.fd(), &message, 0) < 0) return -1;
    return Mark::of(message).value_or(0);
}

void mark(const Endpoint& endpoint, int traffic_class) {
    ASSERT_EQ(::setsockopt(endpoint.fd(), IPPROTO_IP, IP_TOS, &traffic_class, sizeof traffic_class), 0);
}

TEST_F(WorkerTest, DscpIsKeptFromTheFirstPacketOn) {
    start();
    Mark::tell(callee_.fd());
    Mark::tell(caller_.fd());
    auto setup = ice_setup();
    setup.mode = api::Mode::plain;
    setup.a = {.ice = {}, .remotes = {{1, "127.0.0.1", caller_.port()}}};
    setup.b = {.ice = {}, .remotes = {{1, "127.0.0.1", callee_.port()}}};
    const auto ports = open("call", setup);
    ASSERT_TRUE(ports);
    mark(caller_, kExpedited);
    for (std::uint16_t i = 1; i < 5; ++i) {
        caller_.send(rtp(i), ports->a.front().port);
        EXPECT_EQ(next_class(callee_), kExpedited);
        callee_.send(rtp(i, 2), ports->b.front().port);
        EXPECT_EQ(next_class(caller_), 0) << "the other direction has marks of its own";
    }
    // ECN says something of one packet's way, and is not the relay's to repeat on others.
    mark(caller_, kExpedited | kCongestion);
    caller_.send(rtp(5), ports->a.front().port);
    EXPECT_EQ(next_class(callee_), kExpedited);
}

}  // namespace
}  // namespace carillon::relay
