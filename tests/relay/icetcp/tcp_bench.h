/// A TCP port with a stream behind it, on loopback: one end over TCP, the other over UDP.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "relay/control/ice_tcp_ports.h"
#include "relay/icetcp/ice_tcp_port.h"

namespace carillon::relay {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

inline Address loopback(std::uint16_t port, bool v6 = false) {
    auto address = *Address::parse(v6 ? "::1" : "127.0.0.1", 1);
    address.port = port;
    return address;
}
inline std::uint16_t port_of(int descriptor) {
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &length);
    return Address::from(local).port;
}

/// What an endpoint and the relay know each other by.
struct Names {
    explicit Names(const std::string& name)
        : end{name + "-end", name + "-password-of-the-end-22"},
          relay{name + "-relay", name + "-password-of-the-relay-22"} {}
    IceCredentials end, relay;
};

inline Packet check(const IceCredentials& to, const IceCredentials& from, bool nominates = false,
                    std::uint32_t priority = 0x6E0000FF, std::uint8_t id = 7) {
    Packet room(512);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{id}}};
    builder.text(stun::Attribute::username, to.ufrag + ':' + from.ufrag).u32(stun::Attribute::priority, priority);
    if (nominates) builder.attribute(stun::Attribute::use_candidate, {});
    const auto made = builder.integrity(to.pwd).fingerprint().finish();
    return {made.begin(), made.end()};
}
inline Packet answer_to(Bytes question, std::string_view password) {
    Packet room(256);
    const auto id = stun::Message::parse(question)->transaction_id();
    stun::Builder builder{room, stun::Class::success, stun::Method::binding, id};
    const auto made = builder.integrity(password).fingerprint().finish();
    return {made.begin(), made.end()};
}
inline bool is(Bytes packet, stun::Class what) {
    const auto message = stun::Message::parse(packet);
    return message && message->message_class() == what;
}
inline Packet rtp(std::uint16_t sequence, std::size_t size = 172) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160u * sequence), out.u32(0x1234);
    out.zeros(size - 12);
    return out.release();
}

/// An endpoint over TCP.
class TcpEnd {
  public:
    explicit TcpEnd(std::uint16_t port, bool v6 = false) {
        fd_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        sockaddr_storage raw{};
        const auto length = loopback(port, v6).fill(raw);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&raw), length), 0);
    }
    ~TcpEnd() { hang_up(); }
    TcpEnd(const TcpEnd&) = delete;
    void hang_up() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void raw(Bytes octets) const { ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT); }
    void say(Bytes packet) const {
        Packet framed;
        const auto header = icetcp::header_of(packet.size());
        framed.insert(framed.end(), header.begin(), header.end());
        framed.insert(framed.end(), packet.begin(), packet.end());
        raw(framed);
    }
    /// Takes in what has come.
    void look() {
        Packet room(65'536);
        for (;;) {
            const auto got = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN)) ended = true;
            if (got <= 0) break;
            in_.insert(in_.end(), room.begin(), room.begin() + got);
        }
        for (;;) {
            const auto frame = icetcp::first_frame(in_, 65'535);
            if (!*frame) break;
            heard.emplace_back((*frame)->packet.begin(), (*frame)->packet.end());
            in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>((*frame)->size));
        }
    }
    std::uint16_t port() const { return port_of(fd_); }
    std::deque<Packet> heard;
    bool ended = false;

  private:
    int fd_ = -1;
    Packet in_;
};

/// An endpoint over UDP.
class UdpEnd {
  public:
    explicit UdpEnd(std::uint16_t to) : socket_{*UdpSocket::bind(loopback(0))}, to_{to} {}
    void say(Bytes packet) const {
        sockaddr_storage raw{};
        const auto length = loopback(to_).fill(raw);
        ::sendto(socket_.fd(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&raw), length);
    }
    Packet hear() const {
        Packet data(2048);
        const auto size = ::recv(socket_.fd(), data.data(), data.size(), MSG_DONTWAIT);
        data.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return data;
    }
    std::uint16_t port() const { return port_of(socket_.fd()); }

  private:
    UdpSocket socket_;
    std::uint16_t to_;
};

class TcpBench : public testing::Test {
  protected:
    explicit TcpBench(IceTcpLimits limits = {}) : limits_{limits} {
        std::vector<StreamSocket> listeners;
        for (const bool v6 : {false, true}) {
            StreamSocket made{::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
            const int on = 1;
            if (v6) ::setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
            sockaddr_storage raw{};
            const auto length = loopback(0, v6).fill(raw);
            EXPECT_EQ(::bind(made.fd(), reinterpret_cast<sockaddr*>(&raw), length), 0);
            EXPECT_EQ(::listen(made.fd(), 64), 0);
            (v6 ? number_v6 : number) = port_of(made.fd());
            listeners.push_back(std::move(made));
        }
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        port = std::make_unique<IceTcpPort>(std::move(listeners), limits_, std::make_shared<IceTcpPlaces>(limits_),
                                            counters);
        port->attach(epoll_);
        port->start([](Port&) {});
    }
    ~TcpBench() override {
        stream.reset();
        port.reset();
        ::close(epoll_);
    }

    static api::LegSetup bridged(const Names& names) {
        api::LegSetup leg;
        leg.use_ice = leg.rtcp_mux = true;
        leg.own_ice = {names.relay.ufrag, names.relay.pwd};
        leg.ice = {{names.end.ufrag, names.end.pwd}};
        return leg;
    }
    static api::LegSetup forwarded(const Names& names) {
        api::LegSetup leg;
        leg.ice = {{names.end.ufrag, names.end.pwd}};
        return leg;
    }
    std::unique_ptr<Stream> make(api::StreamSetup setup, std::size_t components = 1) {
        Stream::Ports ports;
        for (auto& leg : ports) {
            for (std::size_t i = 0; i < components; ++i) {
                leg.push_back({.port = 0, .sockets = {}});
                leg.back().sockets.push_back(*UdpSocket::bind(loopback(0)));
            }
        }
        auto made = std::make_unique<Stream>("call", setup, std::move(ports), now);
        made->take_seats(*port);
        return made;
    }
    void bridge() { stream = make({.stream = "s", .mode = api::Mode::bridge, .a = bridged(alice), .b = bridged(bob)}); }
    void forward() {
        stream = make({.stream = "s", .mode = api::Mode::ice, .a = forwarded(alice), .b = forwarded(bob)});
    }
    /// The number of the socket of a leg.
    std::uint16_t udp(std::size_t leg, std::size_t component = 0) {
        for (const auto& each : stream->ports())
            if (each.leg == leg && each.component == component) return port_of(each.fd);
        return 0;
    }

    /// One look at all sockets.
    void turn(int wait_ms = 0) {
        std::array<epoll_event, 64> events;
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
        for (int i = 0; i < ready; ++i) {
            auto& event = events[static_cast<std::size_t>(i)];
            port->ready(*static_cast<Port*>(event.data.ptr), event.events, now);
        }
        if (stream) take_datagrams();
        port->flush();
    }
    /// As a shard does it.
    void take_datagrams() {
        std::array<std::byte, 4096> buffer;
        for (auto& each : stream->ports()) {
            for (;;) {
                sockaddr_storage from{};
                socklen_t length = sizeof from;
                const auto size =
                    ::recvfrom(each.fd, buffer.data(), 2048, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
                if (size < 0) break;
                const auto whole = static_cast<std::size_t>(size);
                const auto source = Address::from(from);
                const auto decision = stream->mode() == api::Mode::bridge
                                          ? stream->on_bridged(each, buffer, whole, source, now)
                                          : stream->on_datagram(each, Bytes{buffer}.first(whole), source, now);
                if (decision.drop == Drop::none)
                    send(decision, Bytes{buffer}.first(decision.size > 0 ? decision.size : whole));
                pass_due();
            }
        }
    }
    void pass_due() {
        if (stream->has_due()) stream->pass_due(now, [](const Decision& due, Bytes held) { send(due, held); });
    }
    template <class Condition>
    bool until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            turn(1);
        }
        return true;
    }
    bool hears(TcpEnd& end) {
        return until([&] {
            end.look();
            return !end.heard.empty();
        });
    }
    Packet next(TcpEnd& end) {
        if (!hears(end)) return {};
        auto packet = end.heard.front();
        end.heard.pop_front();
        return packet;
    }
    Packet next(const UdpEnd& end) {
        Packet packet;
        until([&] {
            packet = end.hear();
            return !packet.empty();
        });
        return packet;
    }
    bool ends(TcpEnd& end) {
        return until([&] {
            end.look();
            return end.ended;
        });
    }

    IceTcpLimits limits_;
    const Names alice{"alice"}, bob{"bob"};
    SteadyTime now = std::chrono::steady_clock::now();
    std::shared_ptr<IceTcpCounters> counters = std::make_shared<IceTcpCounters>();
    std::uint16_t number = 0, number_v6 = 0;
    int epoll_ = -1;
    std::unique_ptr<IceTcpPort> port;
    std::unique_ptr<Stream> stream;
};

}  // namespace carillon::relay
