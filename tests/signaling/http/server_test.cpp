#include "signaling/http/server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include "config/base/metrics.h"

namespace carillon::http {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

class HttpServer : public testing::Test {
  protected:
    HttpServer() {
        metrics_.counter("carillon_test", "A test.").add(5);
        add_builtin_routes(routes_, metrics_, [] {
            return std::vector<std::pair<std::string, std::string>>{{"Domain", "<b>&localhost"}};
        });
        routes_.add("POST", "/echo", [](const Request& request) -> asio::awaitable<Response> {
            co_return plain(200, request.query + '|' + request.body);
        });
        routes_.add("GET", "/throw", [](const Request&) -> asio::awaitable<Response> {
            throw std::runtime_error{"broken"};
            co_return Response{};
        });
    }
    ~HttpServer() override {
        asio::post(io_, [this] { server_->stop(); });
        thread_.join();
    }
    void start(ServerLimits limits = {}, Server::TlsSource tls = {}) {
        server_ = std::make_unique<Server>(io_, routes_, limits);
        const auto port = server_->listen("127.0.0.1", 0, std::move(tls));
        ASSERT_TRUE(port) << port.error();
        port_ = *port;
        thread_ = std::thread{[this] { io_.run(); }};
    }
    /// Sends all of `text`, reads until the server closes.
    std::string exchange(std::string_view text) {
        asio::io_context io;
        tcp::socket socket{io};
        socket.connect({asio::ip::address_v4::loopback(), port_});
        boost::system::error_code error;
        asio::write(socket, asio::buffer(text), error);
        std::string out;
        asio::read(socket, asio::dynamic_buffer(out), error);
        return out;
    }
    std::string get(std::string_view path, std::string_view method = "GET") {
        return exchange(std::string{method} + ' ' + std::string{path} +
                        " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }

    metrics::Registry metrics_;
    Routes routes_;
    asio::io_context io_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
    std::uint16_t port_ = 0;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(HttpServer, ServesStatusHealthAndMetrics) {
    start();
    const auto page = get("/");
    EXPECT_HAS(page, "HTTP/1.1 200 OK\r\n");
    EXPECT_HAS(page, "&lt;b&gt;&amp;localhost");
    EXPECT_HAS(page, "X-Content-Type-Options: nosniff\r\n");
    EXPECT_HAS(page, "Content-Security-Policy: default-src 'none'");
    EXPECT_TRUE(get("/health").ends_with("\r\n\r\nok\n"));
    EXPECT_HAS(get("/metrics"), "carillon_test 5\n");
}

TEST_F(HttpServer, HeadHasLengthButNoBody) {
    start();
    const auto answer = get("/health", "HEAD");
    EXPECT_HAS(answer, "Content-Length: 3\r\n");
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServer, TellsWhatIsWrong) {
    start({.header = 1000, .body = 100});
    EXPECT_TRUE(get("/nonesuch").starts_with("HTTP/1.1 404 "));
    const auto wrong_method = get("/health", "POST");
    EXPECT_TRUE(wrong_method.starts_with("HTTP/1.1 405 "));
    EXPECT_HAS(wrong_method, "Allow: GET, HEAD\r\n");
    EXPECT_TRUE(get("/throw").starts_with("HTTP/1.1 500 "));
    EXPECT_TRUE(get("/" + std::string(2000, 'a')).starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(get("/" + std::string(60'000, 'a')).starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'b'))
                    .starts_with("HTTP/1.1 413 "));
    EXPECT_TRUE(exchange("garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(exchange("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(
        exchange("GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_F(HttpServer, KeepsAliveAndPipelines) {
    start();
    const auto answer = exchange(
        "POST /echo?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /health HTTP/1.0\r\n\r\n");
    EXPECT_HAS(answer, "q=1|abc");
    EXPECT_HAS(answer, "\r\n\r\n|de");
    EXPECT_TRUE(answer.ends_with("ok\n"));
}

TEST_F(HttpServer, EndsSlowAndSilentConnections) {
    start({.request = 100ms, .idle = 100ms});
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(exchange(""), "");
    EXPECT_EQ(exchange("GET /hea"), "");
    EXPECT_LT(std::chrono::steady_clock::now() - before, 3s);
}

TEST_F(HttpServer, TurnsAwayMoreConnectionsThanAllowed) {
    start({.connections_per_address = 2, .idle = 300ms});
    asio::io_context io;
    tcp::socket first{io};
    tcp::socket second{io};
    first.connect({asio::ip::address_v4::loopback(), port_});
    second.connect({asio::ip::address_v4::loopback(), port_});
    EXPECT_EQ(get("/health"), "");
}

TEST_F(HttpServer, SpeaksTls) {
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-http-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(pattern.data());
    const net::CertificateFiles files{"localhost", folder / "cert.pem", folder / "key.pem"};
    ASSERT_TRUE(net::make_self_signed(files));
    net::TlsContext context{{.alpn = {"http/1.1"}}};
    ASSERT_TRUE(context.load({files}));
    std::filesystem::remove_all(folder);
    start({}, [&] { return context.current(); });

    asio::io_context io;
    asio::ssl::context client{asio::ssl::context::tls_client};
    asio::ssl::stream<tcp::socket> socket{io, client};
    socket.next_layer().connect({asio::ip::address_v4::loopback(), port_});
    socket.handshake(asio::ssl::stream_base::client);
    asio::write(socket, asio::buffer(std::string_view{"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"}));
    std::string out;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(out), error);
    EXPECT_TRUE(out.ends_with("ok\n")) << out;
    EXPECT_TRUE(get("/health").empty() || !get("/health").starts_with("HTTP/1.1 200"));
}

/// Takes bodies piece by piece; GET answers with as many octets as the path says.
class Letters final : public Source {
  public:
    explicit Letters(std::uint64_t size, std::uint64_t have) : size_{size}, have_{have} {}
    std::uint64_t length() const override { return size_; }
    asio::awaitable<std::size_t> read(std::span<char> into) override {
        const auto count = std::min<std::uint64_t>(into.size(), have_ - given_);
        std::fill_n(into.begin(), count, 'x');
        given_ += count;
        co_return count;
    }

  private:
    std::uint64_t size_, have_, given_ = 0;
};

class HttpTree : public HttpServer {
  protected:
    HttpTree() {
        routes_.add_tree("/tree/", [this](const Request& request, Body& body) -> asio::awaitable<Response> {
            if (request.path == "/tree/unread") co_return plain(403, "no");
            Response out;
            if (request.method == "GET" || request.method == "HEAD") {
                out.source = std::make_shared<Letters>(1'000'000, request.path == "/tree/short" ? 10 : 1'000'000);
                co_return out;
            }
            std::array<char, 1000> piece{};
            std::uint64_t got = 0;
            while (got < body.length()) {
                const auto count = co_await body.read(piece);
                if (!count) {
                    ++broken_;
                    co_return plain(408, "slow");
                }
                got += *count;
            }
            co_return plain(201, std::to_string(got));
        });
    }
    std::atomic<int> broken_{0};
};

TEST_F(HttpTree, BodiesAreTakenPieceByPiece) {
    start();
    const std::string body(300'000, 'b');  // more than any limit of whole bodies
    const auto answer =
        exchange("PUT /tree/a?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n" + body);
    EXPECT_HAS(answer, "HTTP/1.1 201 Created");
    EXPECT_TRUE(answer.ends_with("\r\n\r\n300000"));
}

TEST_F(HttpTree, TheNextRequestFollowsAReadBody) {
    start();
    const auto answer = exchange(
        "PUT /tree/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_HAS(answer, "201 Created");
    EXPECT_TRUE(answer.ends_with("ok\n"));
}

TEST_F(HttpTree, AnUnreadBodyEndsTheConnection) {
    start();
    const auto answer = exchange(
        "PUT /tree/unread HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\n"
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\n       ");
    EXPECT_HAS(answer, "HTTP/1.1 403");
    EXPECT_EQ(answer.find("ok\n"), std::string::npos) << "what was sent as a body is no request";
}

TEST_F(HttpTree, Rfc9110S10p1p1ExpectIsToldToGoOn) {
    start();
    const auto answer = exchange(
        "PUT /tree/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201")) << answer;
    const auto refused =
        exchange("PUT /tree/unread HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 403")) << "nothing is sent in vain";
}

TEST_F(HttpTree, ABodyWithoutALengthIsRefused) {
    start();
    EXPECT_HAS(exchange("PUT /tree/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
               "HTTP/1.1 411");
}

TEST_F(HttpTree, ASlowBodyIsGivenUp) {
    ServerLimits limits;
    limits.idle = 100ms;
    start(limits);
    const auto answer = exchange("PUT /tree/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this");
    EXPECT_HAS(answer, "HTTP/1.1 408");
    EXPECT_EQ(broken_, 1);
}

TEST_F(HttpTree, LargeAnswersComeFromTheirSource) {
    start();
    const auto answer = get("/tree/large");
    EXPECT_HAS(answer, "Content-Length: 1000000\r\n");
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 1'000'000u);
    const auto head = get("/tree/large", "HEAD");
    EXPECT_HAS(head, "Content-Length: 1000000\r\n");
}

TEST_F(HttpTree, ASourceThatFailsCutsTheConnection) {
    start();
    const auto answer = get("/tree/short");
    EXPECT_LT(answer.size(), 2000u);
}

}  // namespace
}  // namespace carillon::http
