/// DSCP and ECN marks through the worker.
#include "relay/ports/mark.h"

#include "tests/relay/control/worker_fixture.h"

namespace carillon::relay {
namespace {

constexpr int kExpedited = 46 << 2;  // RFC 3246
constexpr int kCapable = 2;          // RFC 3168: ECT(0)
constexpr int kCongestion = 3;       // CE

/// A socket on loopback that marks what it sends, and sees the marks of what comes.
class MarkedEnd {
  public:
    explicit MarkedEnd(bool v6 = false) : local_{*Address::parse(v6 ? "::1" : "127.0.0.1", 1)} {
        auto any = local_;
        any.port = 0;
        socket_ = std::move(*UdpSocket::bind(any));
        Mark::tell(socket_.fd());
    }
    std::uint16_t port() const {
        sockaddr_storage local{};
        socklen_t length = sizeof local;
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&local), &length);
        return Address::from(local).port;
    }
    api::Address address() const { return {1, local_.v6 ? "::1" : "127.0.0.1", port()}; }
    void send(Bytes datagram, std::uint16_t port, int mark) const {
        ASSERT_EQ(::setsockopt(socket_.fd(), local_.v6 ? IPPROTO_IPV6 : IPPROTO_IP, local_.v6 ? IPV6_TCLASS : IP_TOS,
                               &mark, sizeof mark),
                  0);
        auto to = local_;
        to.port = port;
        sockaddr_storage raw{};
        const auto length = to.fill(raw);
        ::sendto(socket_.fd(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&raw), length);
    }
    /// The mark of the next datagram; -1 when none comes.
    int next() const {
        pollfd wait{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, 5000) <= 0) return -1;
        std::array<char, 2048> data;
        alignas(cmsghdr) std::array<char, 64> control;
        iovec into{data.data(), data.size()};
        msghdr message{};
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        return ::recvmsg(socket_.fd(), &message, 0) < 0 ? -1 : Mark::of(message);
    }

  private:
    Address local_;
    UdpSocket socket_;
};

class Marks : public WorkerTest {
  protected:
    void connect(api::Mode mode, const MarkedEnd& a, const MarkedEnd& b) {
        auto options = small();
        options.ports.bind = {"127.0.0.1", "::1"};
        start(std::move(options));
        auto setup = ice_setup();
        setup.mode = mode;
        setup.a = {.ice = {}, .remotes = {a.address()}, .rtcp_mux = true};
        setup.b = {.ice = {}, .remotes = {b.address()}, .rtcp_mux = true};
        const auto ports = open("call", setup);
        ASSERT_TRUE(ports);
        port_a_ = ports->a.front().port;
        port_b_ = ports->b.front().port;
    }
    /// What either end marks arrives at the other, on that very packet.
    void exchange(const MarkedEnd& a, const MarkedEnd& b) {
        std::uint16_t sequence = 0;
        // From the first packet on, for long enough that the relay's socket takes the flow's DSCP over, and back.
        const auto ef = std::vector<int>(12, kExpedited), plain = std::vector<int>(12, 0);
        std::vector<int> marks{ef};
        marks.insert(marks.end(), {kExpedited | kCapable, kExpedited | kCongestion, kExpedited, 0, kCongestion});
        marks.insert(marks.end(), plain.begin(), plain.end());
        marks.insert(marks.end(), {kCapable, kCongestion, 1, kExpedited});
        for (const auto mark : marks) {
            a.send(rtp(++sequence), port_a_, mark);
            EXPECT_EQ(b.next(), mark) << "packet " << sequence;
            b.send(rtp(sequence, 2), port_b_, kCapable);
            EXPECT_EQ(a.next(), kCapable) << "the other direction has marks of its own";
        }
    }
    std::uint16_t port_a_ = 0;
    std::uint16_t port_b_ = 0;
};

TEST_F(Marks, OfEachPacketAreKept) {
    const MarkedEnd a, b;
    connect(api::Mode::plain, a, b);
    exchange(a, b);
}

TEST_F(Marks, AreKeptByIPv6) {
    const MarkedEnd a{true}, b{true};
    connect(api::Mode::plain, a, b);
    exchange(a, b);
}

TEST_F(Marks, AreKeptFromOneFamilyToTheOther) {
    const MarkedEnd a{false}, b{true};
    connect(api::Mode::plain, a, b);
    exchange(a, b);
}

TEST_F(Marks, AreKeptWhereLegsEndAtTheRelay) {
    const MarkedEnd a, b;
    connect(api::Mode::bridge, a, b);
    exchange(a, b);
}

TEST(SocketMarks, TellTheSocketWhatStays) {
    const auto socket = *UdpSocket::bind(*[] {
        auto any = Address::parse("127.0.0.1", 1);
        any->port = 0;
        return any;
    }());
    const auto set = [&] {
        int value = -1;
        socklen_t length = sizeof value;
        ::getsockopt(socket.fd(), IPPROTO_IP, IP_TOS, &value, &length);
        return value;
    };
    SocketMarks marks;
    EXPECT_TRUE(marks.differs(socket.fd(), kExpedited)) << "somebody else's socket";
    marks.begin(socket.fd());
    EXPECT_FALSE(marks.differs(socket.fd(), 0));
    int apart = 0;
    for (int i = 0; i < 100; ++i) apart += marks.differs(socket.fd(), kExpedited) ? 1 : 0;
    EXPECT_EQ(apart, 7);
    EXPECT_EQ(set(), kExpedited);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(marks.differs(socket.fd(), kExpedited | kCapable));
    EXPECT_EQ(set(), kExpedited) << "ECN is the packets', and none is on what the relay sends itself";
    for (int i = 0; i < 100; ++i) marks.differs(socket.fd(), i % 2 == 0 ? 0 : kExpedited);
    EXPECT_EQ(set(), kExpedited) << "where two take turns it stays";
    for (int i = 0; i < 8; ++i) marks.differs(socket.fd(), 0);
    EXPECT_EQ(set(), 0);
    marks.begin(socket.fd());
    for (int i = 0; i < 8; ++i) marks.differs(socket.fd(), kExpedited);
    marks.end(socket.fd());
    EXPECT_FALSE(marks.differs(socket.fd(), 0)) << "the next socket of that number begins anew";
}

}  // namespace
}  // namespace carillon::relay
