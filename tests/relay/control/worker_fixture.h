/// A real worker, spoken to over its control socket, and endpoints on loopback.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "relay/api/client.h"
#include "relay/control/binding_tcp.h"
#include "relay/control/server.h"
#include "stun/message.h"

namespace carillon::relay {

using namespace std::chrono_literals;
namespace asio = boost::asio;

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
    /// The next datagram and the port it came from; empty when none comes in time.
    std::pair<std::string, std::uint16_t> receive(std::chrono::milliseconds patience = 2000ms) const {
        pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return {};
        std::array<char, 2048> data;
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const auto size = ::recvfrom(fd_, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
        return {std::string(data.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))), ntohs(from.sin_port)};
    }
    int fd() const { return fd_; }
    bool receives_nothing() const { return receive(150ms).first.empty(); }

  private:
    int fd_;
};

inline std::vector<std::byte> rtp(std::uint16_t sequence, std::uint32_t ssrc = 1) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160u * sequence), out.u32(ssrc);
    out.zeros(160);
    return out.release();
}

inline std::vector<std::byte> check(std::string_view username, std::string_view password, std::uint8_t id) {
    std::vector<std::byte> room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{id}}};
    const auto made = builder.text(stun::Attribute::username, username).integrity(password).fingerprint().finish();
    return {made.begin(), made.end()};
}
inline std::vector<std::byte> answer(std::uint8_t id) {
    std::vector<std::byte> room(64);
    const auto made =
        stun::Builder{room, stun::Class::success, stun::Method::binding, stun::TransactionId{std::byte{id}}}.finish();
    return {made.begin(), made.end()};
}

inline constexpr std::string_view kCallerPassword = "caller-password-of-22+";
inline constexpr std::string_view kCalleePassword = "callee-password-of-22+";

class WorkerTest : public testing::Test {
  protected:
    void start(WorkerOptions options) {
        socket_ =
            std::filesystem::temp_directory_path() / ("carillon-relay-test-" + std::to_string(::getpid()) + ".sock");
        worker_ = std::make_unique<Worker>(worker_io_, std::move(options));
        server_ = std::make_unique<ControlServer>(worker_io_, socket_, *worker_);
        thread_ = std::thread{[this] {
            const auto work = asio::make_work_guard(worker_io_);
            worker_io_.run();
        }};
        client_ = std::make_unique<api::Client>(io_, socket_.string());
        bool connected = false;
        client_->connect([&](std::expected<void, api::Error> done) { connected = done.has_value(); });
        ASSERT_TRUE(until([&] { return connected; }));
    }
    void start() { start(small()); }
    static WorkerOptions small() {
        WorkerOptions options;
        // Below the ephemeral ports, and apart from tests that run side by side.
        options.ports.first = static_cast<std::uint16_t>(20'000 + ::getpid() % 45 * 200);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 199);
        return options;
    }
    void TearDown() override {
        client_.reset();
        if (thread_.joinable()) {
            worker_io_.stop();
            thread_.join();
        }
        server_.reset();
        worker_.reset();
    }
    /// Runs the client's io until `done`, five seconds at most.
    template <class Done>
    bool until(Done done) {
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io_.restart();
            io_.run_for(5ms);
        }
        return done();
    }
    template <class T, class Ask>
    std::expected<T, api::Error> ask(Ask ask) {
        std::optional<std::expected<T, api::Error>> got;
        ask([&](std::expected<T, api::Error> answer) { got = std::move(answer); });
        until([&] { return got.has_value(); });
        return got ? *got : std::unexpected{api::Error{api::Failure::timed_out, "no answer in the test"}};
    }
    std::expected<api::Ports, api::Error> open(const std::string& session, const api::StreamSetup& setup) {
        return ask<api::Ports>([&](auto done) { client_->open_stream(session, setup, done); });
    }
    api::StreamCounters count(const std::string& session) {
        const auto all = ask<std::vector<api::StreamCounters>>([&](auto done) { client_->count(session, done); });
        return all && !all->empty() ? all->front() : api::StreamCounters{};
    }

    asio::io_context worker_io_;
    std::filesystem::path socket_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
    asio::io_context io_;
    std::unique_ptr<api::Client> client_;
    Endpoint caller_;
    Endpoint callee_;
    Endpoint stranger_;
};

inline api::StreamSetup ice_setup() {
    return {.stream = "audio",
            .mode = api::Mode::ice,
            .a = {.ice = {{"caller", std::string{kCallerPassword}}}, .remotes = {}},
            .b = {.ice = {{"callee", std::string{kCalleePassword}}}, .remotes = {}}};
}

}  // namespace carillon::relay
