/// A worker with one session and two endpoints on loopback, for taps: asked without a control socket.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "media/srtp/srtp_session.h"
#include "relay/control/worker.h"

namespace carillon::relay::test {

namespace fs = std::filesystem;
namespace proto = api::proto;
using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

/// An endpoint: a UDP socket on loopback.
class Endpoint {
  public:
    Endpoint() {
        fd_ = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        ::bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof any);
    }
    ~Endpoint() { ::close(fd_); }
    Endpoint(const Endpoint&) = delete;

    std::uint16_t port() const {
        sockaddr_in local{};
        socklen_t length = sizeof local;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &length);
        return ntohs(local.sin_port);
    }
    void send(Bytes datagram, std::uint16_t port) const {
        const sockaddr_in to{
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        ::sendto(fd_, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    Packet receive(std::chrono::milliseconds patience = 2000ms) const {
        pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return {};
        Packet data(2048);
        data.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(fd_, data.data(), data.size(), 0), 0)));
        return data;
    }

  private:
    int fd_;
};

inline Packet rtp(std::uint16_t sequence, std::uint32_t ssrc, std::uint8_t type = 0, std::size_t size = 160) {
    ByteWriter out;
    out.u8(0x80), out.u8(type), out.u16(sequence), out.u32(160u * sequence), out.u32(ssrc);
    for (std::size_t i = 0; i < size; ++i) out.u8(static_cast<std::uint8_t>(sequence + i));
    return out.release();
}

class TappedWorker : public testing::Test {
  protected:
    static constexpr const char* kSession = "0-call";

    TappedWorker() {
        std::string name = (fs::temp_directory_path() / "carillon-tap-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        WorkerOptions options;
        options.ports.first = static_cast<std::uint16_t>(11'000 + ::getpid() % 45 * 200);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 199);
        worker = std::make_unique<Worker>(io, std::move(options));
        worker->on_event([this](const proto::Event& event) {
            if (event.kind() == proto::Event::KIND_TAP) events.push_back(event.tap());
        });
    }
    ~TappedWorker() override {
        worker.reset();
        fs::remove_all(folder);
    }

    /// Runs the control thread's work until `done`, ten seconds at most.
    template <class Done>
    bool until(Done done) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_for(5ms);
        }
        return done();
    }
    proto::Reply ask(proto::Request request) {
        std::optional<proto::Reply> reply;
        worker->handle(request, [&](proto::Reply answer) { reply = std::move(answer); });
        EXPECT_TRUE(until([&] { return reply.has_value(); }));
        return reply.value_or(proto::Reply{});
    }

    void open(proto::Mode mode, const proto::LegSetup& caller = {}, const proto::LegSetup& callee = {},
              const std::string& stream = "audio") {
        proto::Request request;
        auto& open = *request.mutable_open_stream();
        open.set_session(kSession);
        open.mutable_setup()->set_stream(stream);
        open.mutable_setup()->set_mode(mode);
        *open.mutable_setup()->mutable_a() = caller;
        *open.mutable_setup()->mutable_b() = callee;
        const auto reply = ask(request);
        ASSERT_EQ(reply.refusal(), proto::REFUSAL_NONE) << reply.reason();
        port_a = static_cast<std::uint16_t>(reply.ports().a(0).port());
        port_b = static_cast<std::uint16_t>(reply.ports().b(0).port());
    }
    proto::LegSetup plain(const Endpoint& end) const {
        proto::LegSetup leg;
        auto* remote = leg.add_remotes();
        remote->set_component(1);
        remote->set_ip("127.0.0.1");
        remote->set_port(end.port());
        return leg;
    }
    /// The endpoint seals with `key(2)`, the relay with `key(1)`.
    static Packet key(std::uint8_t seed) { return Packet(30, std::byte{seed}); }
    proto::LegSetup sdes(const Endpoint& end) const {
        auto leg = plain(end);
        auto& security = *leg.mutable_security();
        security.set_protection(proto::PROTECTION_SDES);
        security.set_suite("AES_CM_128_HMAC_SHA1_80");
        security.add_local()->set_key_and_salt(std::string{as_text(key(1))});
        security.add_remote()->set_key_and_salt(std::string{as_text(key(2))});
        return leg;
    }
    void open_plain() { open(proto::MODE_PLAIN, plain(a), plain(b)); }
    void open_bridge() { open(proto::MODE_BRIDGE, sdes(a), plain(b)); }

    Packet sealed(Packet packet) {
        const auto length = packet.size();
        packet.resize(length + srtp::kMaxOverhead);
        packet.resize(caller_out.protect_rtp(packet, length).value_or(0));
        return packet;
    }
    void say_a(std::uint16_t first, std::uint16_t count, bool seal = false) {
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto packet = rtp(static_cast<std::uint16_t>(first + i), 0xA);
            a.send(seal ? sealed(packet) : packet, port_a);
            ASSERT_FALSE(b.receive().empty());
        }
    }
    void say_b(std::uint16_t first, std::uint16_t count) {
        for (std::uint16_t i = 0; i < count; ++i) {
            b.send(rtp(static_cast<std::uint16_t>(first + i), 0xB), port_b);
            ASSERT_FALSE(a.receive().empty());
        }
    }

    proto::Request start_tap(const std::string& name = "tap") const {
        proto::Request request;
        request.mutable_start_tap()->set_session(kSession);
        request.mutable_start_tap()->set_tap(name);
        return request;
    }
    proto::TapStatus stop(const std::string& name = "tap") {
        proto::Request request;
        request.mutable_stop_tap()->set_session(kSession);
        request.mutable_stop_tap()->set_tap(name);
        const auto reply = ask(request);
        EXPECT_EQ(reply.taps_size(), 1) << reply.reason();
        return reply.taps_size() > 0 ? reply.taps(0) : proto::TapStatus{};
    }
    void hang_up() {
        proto::Request request;
        request.mutable_close_stream()->set_session(kSession);
        ask(request);
    }
    std::string path(const char* name) const { return folder / name; }

    boost::asio::io_context io;
    fs::path folder;
    std::unique_ptr<Worker> worker;
    std::vector<proto::TapStatus> events;
    Endpoint a, b;
    std::uint16_t port_a = 0, port_b = 0;
    srtp::Session caller_out =
        *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(2), srtp::Direction::outbound);
};

}  // namespace carillon::relay::test
