#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "media/phone/ice_transport.h"
#include "media/phone/raw_udp_transport.h"

namespace carillon::phone {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr std::chrono::seconds kPatience{15};

/// Collects what a transport tells, for a test to wait upon.
struct Ear {
    std::mutex mutex;
    std::condition_variable changed;
    bool gathered = false;
    int connected = 0;
    std::string failed;
    std::vector<std::string> heard;

    Transport::Callbacks callbacks() {
        return {
            .candidates = [] {},
            .gathered = [this] { note([this] { gathered = true; }); },
            .connected = [this] { note([this] { ++connected; }); },
            .failed = [this](const std::string& why) { note([this, &why] { failed = why; }); },
            .receive =
                [this](std::uint8_t component, Bytes datagram) {
                    note([&] { heard.push_back(std::to_string(component) + ":" + std::string{as_text(datagram)}); });
                }};
    }
    template <class Change>
    void note(Change change) {
        const std::scoped_lock lock{mutex};
        change();
        changed.notify_all();
    }
    template <class Condition>
    bool wait(Condition condition) {
        std::unique_lock lock{mutex};
        return changed.wait_for(lock, kPatience, condition);
    }
    bool hears(const std::string& what) {
        return wait([&] { return std::find(heard.begin(), heard.end(), what) != heard.end(); });
    }
};

/// Sends until it is heard: what leaves before the other end has a path may be lost.
bool passes(Transport& from, Ear& to, const std::string& text) {
    for (int i = 0; i < 100; ++i) {
        from.send(1, as_bytes(text));
        std::unique_lock lock{to.mutex};
        const auto heard = [&] { return std::find(to.heard.begin(), to.heard.end(), "1:" + text) != to.heard.end(); };
        if (to.changed.wait_for(lock, std::chrono::milliseconds{100}, heard)) return true;
    }
    return false;
}

/// What a relay in the `forward` path does: two ports, each learns its client from STUN, each passes all to the other.
class Forwarder {
  public:
    Forwarder() {
        for (auto& port : ports_) port = open();
        thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
    }
    ~Forwarder() {
        thread_.request_stop();
        thread_.join();
        for (const auto& port : ports_) close(port.fd);
    }
    Candidate candidate(std::size_t side) const {
        return {.foundation = "r",
                .id = "r",
                .priority = 16777215,
                .ip = kLoopback,
                .port = ports_[side].number,
                .type = "relay",
                .rel_addr = "0.0.0.0",
                .rel_port = 9};
    }
    int forwarded() const { return forwarded_; }

  private:
    struct Port {
        int fd = -1;
        std::uint16_t number = 0;
        sockaddr_in client{};
    };
    static Port open() {
        Port port;
        port.fd = socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        bind(port.fd, reinterpret_cast<sockaddr*>(&address), size);
        getsockname(port.fd, reinterpret_cast<sockaddr*>(&address), &size);
        port.number = ntohs(address.sin_port);
        return port;
    }
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::array<pollfd, 2> ready{pollfd{ports_[0].fd, POLLIN, 0}, pollfd{ports_[1].fd, POLLIN, 0}};
            if (poll(ready.data(), 2, 20) <= 0) continue;
            for (std::size_t side = 0; side < 2; ++side) {
                if (ready[side].revents & POLLIN) pass(ports_[side], ports_[1 - side]);
            }
        }
    }
    void pass(Port& in, const Port& out) {
        std::array<char, 2048> buffer{};
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const auto got = recvfrom(in.fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got <= 0) return;
        if (static_cast<unsigned char>(buffer[0]) < 4) in.client = from;
        if (out.client.sin_port == 0) return;
        sendto(out.fd, buffer.data(), static_cast<std::size_t>(got), 0, reinterpret_cast<const sockaddr*>(&out.client),
               sizeof out.client);
        ++forwarded_;
    }

    std::array<Port, 2> ports_;
    std::atomic<int> forwarded_ = 0;
    std::jthread thread_;
};

struct IcePair {
    Ear ear_a, ear_b;
    IceTransport a, b;

    explicit IcePair(bool relay_only = false)
        : a{ear_a.callbacks(),
            {.controlling = true, .relay_only = relay_only, .bind_address = kLoopback, .services = {}}},
          b{ear_b.callbacks(),
            {.controlling = false, .relay_only = relay_only, .bind_address = kLoopback, .services = {}}} {
        a.start();
        b.start();
        EXPECT_TRUE(ear_a.wait([this] { return ear_a.gathered; }));
        EXPECT_TRUE(ear_b.wait([this] { return ear_b.gathered; }));
    }
    bool connected() {
        return ear_a.wait([this] { return ear_a.connected > 0; }) && ear_b.wait([this] { return ear_b.connected > 0; });
    }
};

TEST(Rfc8445, TwoHostsOnOneMachineFindEachOther) {
    IcePair pair;
    const auto from_a = pair.a.take_local();
    const auto from_b = pair.b.take_local();
    ASSERT_FALSE(from_a.candidates.empty());
    EXPECT_GE(from_a.ufrag.size(), 4U);
    EXPECT_GE(from_a.pwd.size(), 22U);
    EXPECT_TRUE(pair.a.take_local().candidates.empty()) << "each candidate is told once";
    pair.a.set_remote(from_b);
    pair.b.set_remote(from_a);
    ASSERT_TRUE(pair.connected());
    EXPECT_EQ(pair.a.path().remote.type, "host");
    EXPECT_EQ(pair.a.path().remote.port, pair.b.path().local.port);
    EXPECT_TRUE(passes(pair.a, pair.ear_b, "there"));
    EXPECT_TRUE(passes(pair.b, pair.ear_a, "back"));
}

TEST(Rfc8838, CandidatesMayFollowTheCredentials) {
    IcePair pair;
    auto from_a = pair.a.take_local();
    auto from_b = pair.b.take_local();
    auto later_a = from_a, later_b = from_b;
    from_a.candidates.clear();
    from_b.candidates.clear();
    pair.a.set_remote(from_b);
    pair.b.set_remote(from_a);
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    EXPECT_EQ(pair.ear_a.failed, "");
    pair.a.set_remote(later_b);
    pair.b.set_remote(later_a);
    EXPECT_TRUE(pair.connected());
}

TEST(IceThroughForwardingPorts, NothingButTheRelayCandidateIsNeeded) {
    Forwarder forwarder;
    IcePair pair{true};
    auto from_a = pair.a.take_local();
    auto from_b = pair.b.take_local();
    EXPECT_TRUE(from_a.candidates.empty()) << "relay-only tells no address of its own";
    from_b.candidates = {forwarder.candidate(0)};  // what the server puts into the Jingle transports
    from_a.candidates = {forwarder.candidate(1)};
    pair.a.set_remote(from_b);
    pair.b.set_remote(from_a);
    ASSERT_TRUE(pair.connected());
    EXPECT_EQ(pair.a.path().remote.port, forwarder.candidate(0).port);
    EXPECT_EQ(pair.b.path().remote.port, forwarder.candidate(1).port);
    EXPECT_TRUE(passes(pair.a, pair.ear_b, "there"));
    EXPECT_TRUE(passes(pair.b, pair.ear_a, "back"));
    EXPECT_GT(forwarder.forwarded(), 4);
}

TEST(Rfc8445S9, ARestartKeepsTheCallAlive) {
    IcePair pair;
    const auto before = pair.a.take_local();
    pair.a.set_remote(pair.b.take_local());
    pair.b.set_remote(before);
    ASSERT_TRUE(pair.connected());
    pair.a.restart();
    const auto fresh_a = pair.a.take_local();
    EXPECT_NE(fresh_a.ufrag, before.ufrag);
    EXPECT_FALSE(fresh_a.candidates.empty());
    pair.b.restart();
    const auto fresh_b = pair.b.take_local();
    pair.b.set_remote(fresh_a);
    pair.a.set_remote(fresh_b);
    EXPECT_TRUE(passes(pair.a, pair.ear_b, "still there"));
    EXPECT_TRUE(passes(pair.b, pair.ear_a, "still back"));
}

TEST(Rfc8445, UnusableCandidatesAreLeftOut) {
    IcePair pair;
    auto from_b = pair.b.take_local();
    const auto from_a = pair.a.take_local();
    auto mdns = from_b.candidates.at(0), tcp = mdns, rtcp = mdns, portless = mdns;
    mdns.ip = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
    tcp.protocol = "tcp";
    rtcp.component = 2;
    portless.port = 0;
    from_b.candidates.insert(from_b.candidates.begin(), {mdns, tcp, rtcp, portless});
    pair.a.set_remote(from_b);
    pair.b.set_remote(from_a);
    EXPECT_TRUE(pair.connected());
}

TEST(Xep0177, RtpAndRtcpHaveTheirPortsAndStrangersNone) {
    Ear ear_a, ear_b, ear_c;
    RawUdpTransport a{ear_a.callbacks(), kLoopback, ""}, b{ear_b.callbacks(), kLoopback, ""},
        c{ear_c.callbacks(), kLoopback, ""};
    for (auto* end : {&a, &b, &c}) end->start();
    const auto local = a.take_local();
    ASSERT_EQ(local.candidates.size(), 2U);
    EXPECT_EQ(local.candidates[0].port % 2, 0);
    EXPECT_EQ(local.candidates[1].port, local.candidates[0].port + 1);
    EXPECT_FALSE(a.send(1, as_bytes("too early")));
    a.set_remote(b.take_local());
    b.set_remote(local);
    c.set_remote(b.take_local());
    EXPECT_EQ(ear_a.connected, 1);
    EXPECT_TRUE(c.send(1, as_bytes("spoof")));
    EXPECT_TRUE(a.send(1, as_bytes("rtp")));
    EXPECT_TRUE(a.send(2, as_bytes("rtcp")));
    EXPECT_FALSE(a.send(3, as_bytes("what")));
    EXPECT_TRUE(ear_b.hears("1:rtp"));
    EXPECT_TRUE(ear_b.hears("2:rtcp"));
    EXPECT_EQ(ear_b.heard.size(), 2U);
    EXPECT_EQ(b.dropped(), 1U);
}

TEST(Xep0177, AnUnusableAddressFailsAtOnce) {
    Ear ear;
    RawUdpTransport a{ear.callbacks(), kLoopback, ""};
    a.start();
    a.set_remote({.kind = TransportKind::raw_udp, .candidates = {Candidate{.ip = "not.an.address", .port = 5}}});
    EXPECT_FALSE(ear.failed.empty());
}

}  // namespace
}  // namespace carillon::phone
