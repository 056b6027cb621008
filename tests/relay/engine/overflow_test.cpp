/// What comes faster than the shard reads is dropped by the kernel, and counted where it was lost.
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "relay/engine/shard.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

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

BoundPort tiny_port() {
    BoundPort bound;
    bound.sockets.push_back(*UdpSocket::bind(loopback(0), 4096));
    bound.port = port_of(bound.sockets.front().fd());
    return bound;
}

TEST(KernelDrops, AreCountedByLegAndByShard) {
    constexpr unsigned kSent = 500;
    std::promise<api::StreamCounters> told;
    bool once = false;
    Shard shard{{.report_interval = 10ms}, [&](const api::Event& event) {
                    const bool lost =
                        event.kind == api::Event::Kind::report && event.counters.a.drops.contains("socket_full");
                    if (lost && !std::exchange(once, true)) told.set_value(event.counters);
                }};
    Stream::Ports ports;
    for (auto& leg : ports) leg.push_back(tiny_port());
    const auto number = ports[0].front().port;
    const auto sender = *UdpSocket::bind(loopback(0));
    const auto receiver = *UdpSocket::bind(loopback(0), 1 << 20);
    api::StreamSetup setup{.stream = "s", .mode = api::Mode::plain};
    setup.a.remotes = {{1, "127.0.0.1", port_of(sender.fd())}};
    setup.b.remotes = {{1, "127.0.0.1", port_of(receiver.fd())}};
    const auto now = std::chrono::steady_clock::now();
    shard.add(std::make_unique<Stream>("call", setup, std::move(ports), now));

    std::promise<void> stopped, go;
    shard.post([&] {
        stopped.set_value();
        go.get_future().wait();
    });
    stopped.get_future().wait();  // nobody reads from here on
    ByteWriter packet;
    packet.u8(0x80), packet.u8(0), packet.u16(1), packet.u32(160), packet.u32(7), packet.zeros(160);
    sockaddr_storage to{};
    const auto length = loopback(number).fill(to);
    for (unsigned i = 0; i < kSent; ++i)
        ASSERT_GT(
            ::sendto(sender.fd(), packet.view().data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), length), 0);
    go.set_value();

    auto report = told.get_future();
    ASSERT_EQ(report.wait_for(20s), std::future_status::ready) << "no report tells of the loss";
    const auto reported = report.get();
    std::promise<api::StreamCounters> counted;
    shard.count({Shard::key("call", "s")}, [&](auto counters) { counted.set_value(counters.front()); });
    const auto counters = counted.get_future().get();
    const auto lost = counters.a.drops.at("socket_full");
    EXPECT_EQ(lost, reported.a.drops.at("socket_full"));
    EXPECT_GT(lost, kSent / 2);
    EXPECT_EQ(lost + counters.a.packets, kSent) << "every one is either forwarded or counted as lost";
    EXPECT_FALSE(counters.b.drops.contains("socket_full"));
    EXPECT_EQ(shard.kernel_drops(), lost);
    shard.stop();
}

}  // namespace
}  // namespace carillon::relay
