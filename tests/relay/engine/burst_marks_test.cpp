/// Bursts leave as segments of one message, but for packets that are marked otherwise.
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>

#include <future>

#include "relay/engine/shard.h"
#include "relay/ports/send_control.h"
#include "relay/turn/send_batch.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

Address loopback(std::uint16_t port = 0) {
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

/// Messages as they were sent: on loopback segments stay together for who asks for that.
class Receiver {
  public:
    struct Message {
        int mark;
        std::size_t packets;
        friend bool operator==(const Message&, const Message&) = default;
    };
    Receiver() {
        const int on = 1;
        Mark::tell(socket_.fd());
        ::setsockopt(socket_.fd(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    }
    std::uint16_t port() const { return port_of(socket_.fd()); }
    Message next(std::size_t size) const {
        pollfd wait{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, 10'000) <= 0) return {-1, 0};
        std::vector<std::byte> data(65536);
        alignas(cmsghdr) std::array<char, 128> control;
        iovec into{data.data(), data.size()};
        msghdr message{};
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto got = ::recvmsg(socket_.fd(), &message, 0);
        return {Mark::of(message), static_cast<std::size_t>(got) / size};
    }

  private:
    UdpSocket socket_ = *UdpSocket::bind(loopback(), 1 << 20);
};

constexpr int kExpedited = 46 << 2;
constexpr int kCapable = 2;
constexpr int kCongestion = 3;
constexpr std::size_t kSize = 1012;

std::vector<std::byte> packet(std::uint16_t sequence) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160), out.u32(7), out.zeros(kSize - 12);
    return out.release();
}

void send_marked(int fd, Bytes data, std::uint16_t port, int mark) {
    ::setsockopt(fd, IPPROTO_IP, IP_TOS, &mark, sizeof mark);
    sockaddr_storage to{};
    const auto length = loopback(port).fill(to);
    ASSERT_GT(::sendto(fd, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&to), length), 0);
}

TEST(BurstMarks, PartAMessageOfAShard) {
    Shard shard{{}, [](const api::Event&) {}};
    Stream::Ports ports;
    for (auto& leg : ports) {
        BoundPort bound;
        bound.sockets.push_back(*UdpSocket::bind(loopback(), 1 << 20));
        bound.port = port_of(bound.sockets.front().fd());
        Mark::tell(bound.sockets.front().fd());
        leg.push_back(std::move(bound));
    }
    const auto number = ports[0].front().port;
    const auto sender = *UdpSocket::bind(loopback());
    const Receiver receiver;
    api::StreamSetup setup{.stream = "s", .mode = api::Mode::plain};
    setup.a.remotes = {{1, "127.0.0.1", port_of(sender.fd())}};
    setup.b.remotes = {{1, "127.0.0.1", receiver.port()}};
    shard.add(std::make_unique<Stream>("call", setup, std::move(ports), std::chrono::steady_clock::now()));
    std::promise<void> stopped, go;
    shard.post([&] {
        stopped.set_value();
        go.get_future().wait();
    });
    stopped.get_future().wait();  // what is sent from here on is read together
    std::uint16_t sequence = 0;
    for (const int mark : {0, 0, 0, kCongestion, kCapable, kCapable, kExpedited, kExpedited, kExpedited, kExpedited})
        send_marked(sender.fd(), packet(++sequence), number, mark);
    go.set_value();
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{0, 3}));
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{kCongestion, 1}));
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{kCapable, 2}));
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{kExpedited, 4}));
    shard.stop();
}

TEST(BurstMarks, PartAMessageOfTurn) {
    const auto sender = *UdpSocket::bind(loopback());
    const Receiver receiver;
    sockaddr_storage to{};
    const auto length = loopback(receiver.port()).fill(to);
    const auto data = packet(1);
    SendBatch batch;
    for (const int mark : {kCongestion, kCongestion, 0, 0, 0, kCapable})
        batch.add(sender.fd(), to, length, {}, data, static_cast<std::uint8_t>(mark));
    batch.flush();
    EXPECT_EQ(batch.sent(), 6u);
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{kCongestion, 2}));
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{0, 3}));
    EXPECT_EQ(receiver.next(kSize), (Receiver::Message{kCapable, 1}));
}

}  // namespace
}  // namespace carillon::relay
