#include "signaling/bytestreams/proxy.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include <boost/asio.hpp>

#include "signaling/bytestreams/socks5.h"

namespace carillon::bytestreams {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

const std::string kName(40, 'a');
const std::string kOther(40, 'b');

class BytestreamsProxy : public testing::Test {
  protected:
    ~BytestreamsProxy() override {
        asio::post(io_, [this] { proxy_->stop(); });
        work_.reset();
        thread_.join();
    }
    void start(ProxyLimits limits = {}) {
        proxy_ = std::make_unique<Proxy>(io_, limits);
        const auto port = proxy_->listen("127.0.0.1", 0);
        ASSERT_TRUE(port) << port.error();
        port_ = *port;
        thread_ = std::thread{[this] { io_.run(); }};
    }
    tcp::socket connect() {
        tcp::socket socket{client_};
        socket.connect({asio::ip::address_v4::loopback(), port_});
        return socket;
    }
    static std::string read(tcp::socket& socket, std::size_t count) {
        std::string text(count, '\0');
        boost::system::error_code error;
        text.resize(asio::read(socket, asio::buffer(text), error));
        return text;
    }
    static std::string read_all(tcp::socket& socket) { return read(socket, 1 << 20); }
    static void send(tcp::socket& socket, const std::string& text) { asio::write(socket, asio::buffer(text)); }
    /// Empty when the proxy takes the name.
    std::string take_name(tcp::socket& socket, const std::string& name) {
        send(socket, "\x05\x01\x00"s + "\x05\x01\x00\x03\x28"s + name + "\x00\x00"s);
        EXPECT_EQ(read(socket, 2), kNoAuthentication);
        const auto answer = read(socket, 4);
        if (answer[1] != 0) return answer;
        EXPECT_EQ(answer + read(socket, 43), granted(name));
        return {};
    }
    Activation activate(const std::string& name) {
        std::promise<Activation> outcome;
        proxy_->activate(name, [&](Activation is) { outcome.set_value(is); });
        return outcome.get_future().get();
    }
    asio::io_context io_, client_;
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
    std::unique_ptr<Proxy> proxy_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

TEST_F(BytestreamsProxy, CarriesBothWaysOnceActivated) {
    start();
    auto target = connect(), requester = connect();
    EXPECT_EQ(take_name(target, kName), "");
    EXPECT_EQ(activate(kName), Activation::not_connected) << "one end is missing";
    EXPECT_EQ(take_name(requester, kName), "");
    EXPECT_EQ(activate(kOther), Activation::not_connected);
    EXPECT_EQ(activate(kName), Activation::active);
    EXPECT_EQ(activate(kName), Activation::taken);
    send(requester, "question");
    EXPECT_EQ(read(target, 8), "question");
    requester.shutdown(tcp::socket::shutdown_send);
    EXPECT_EQ(read_all(target), "");
    send(target, "answer");
    target.close();
    EXPECT_EQ(read_all(requester), "answer") << "what one has said all of does not end what the other says";
    EXPECT_EQ(proxy_->figures().streams, 1u);
    EXPECT_EQ(proxy_->figures().octets, 14u);
}

TEST_F(BytestreamsProxy, NothingPassesBeforeTheActivation) {
    start();
    auto target = connect(), requester = connect();
    EXPECT_EQ(take_name(target, kName), "");
    EXPECT_EQ(take_name(requester, kName), "");
    send(requester, "too early");
    EXPECT_EQ(read_all(requester), "") << "who speaks before its turn is sent away";
    EXPECT_EQ(activate(kName), Activation::not_connected);
}

TEST_F(BytestreamsProxy, AThirdIsRefused) {
    start();
    auto one = connect(), two = connect(), three = connect();
    EXPECT_EQ(take_name(one, kName), "");
    EXPECT_EQ(take_name(two, kName), "");
    EXPECT_EQ(take_name(three, kName), "\x05\x02\x00\x01"s);
    EXPECT_EQ(activate(kName), Activation::active);
    auto four = connect();
    EXPECT_EQ(take_name(four, kName), "\x05\x02\x00\x01"s);
}

TEST_F(BytestreamsProxy, WhoGoesMakesRoom) {
    start();
    auto first = connect(), target = connect();
    EXPECT_EQ(take_name(target, kName), "");
    EXPECT_EQ(take_name(first, kName), "");
    first.shutdown(tcp::socket::shutdown_both);
    EXPECT_EQ(read_all(first), "");
    first.close();
    std::string refusal = "?";
    for (int i = 0; i < 200 && !refusal.empty(); ++i) {  // until the proxy has seen it go
        auto again = connect();
        refusal = take_name(again, kName);
        if (!refusal.empty()) continue;
        EXPECT_EQ(activate(kName), Activation::active);
        send(again, "here");
        EXPECT_EQ(read(target, 4), "here");
    }
    EXPECT_EQ(refusal, "");
}

TEST_F(BytestreamsProxy, TheSilentAreSentAway) {
    ProxyLimits limits;
    limits.handshake = 50ms;
    limits.activation = 50ms;
    limits.idle = 50ms;
    start(limits);
    auto silent = connect();
    EXPECT_EQ(read_all(silent), "");
    auto half = connect();
    send(half, "\x05\x01\x00\x05\x01"s);
    EXPECT_EQ(read_all(half), kNoAuthentication);
    auto alone = connect();
    EXPECT_EQ(take_name(alone, kName), "");
    EXPECT_EQ(read_all(alone), "");
}

TEST_F(BytestreamsProxy, ConnectionsOfAnAddressAreBounded) {
    ProxyLimits limits;
    limits.connections_per_address = 2;
    start(limits);
    auto one = connect(), two = connect();
    EXPECT_EQ(take_name(one, kName), "");
    EXPECT_EQ(take_name(two, kOther), "");
    auto three = connect();
    EXPECT_EQ(read_all(three), "");
}

TEST_F(BytestreamsProxy, IsNoOpenProxy) {
    start();
    auto somebody = connect();
    send(somebody, "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"s);
    EXPECT_EQ(read_all(somebody), std::string{kNoAuthentication} + refused(kNoSuchAddressType));
}

}  // namespace
}  // namespace carillon::bytestreams
