#include "signaling/http/server.h"

#include <algorithm>
#include <array>
#include <set>

#include <boost/asio.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include "signaling/http/divert.h"
#include "signaling/http/websocket.h"
#include "signaling/net/socket.h"

namespace carillon::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::awaitable;
using boost::system::error_code;
using HeaderParser = beast_http::request_parser<beast_http::empty_body>;
using Parser = beast_http::request_parser<beast_http::string_body>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPieces = 128 * 1024;  // of streamed bodies
constexpr std::uint64_t kSlowest = 2048;     // octets a second that an upload has to make on the whole

/// What every answer says unless the handler says otherwise.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kUsual{{
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
    {"Server", "Carillon"},
}};

std::string serialize(const Response& response, bool keep_alive, bool head) {
    const auto reason = beast_http::obsolete_reason(beast_http::int_to_status(response.status));
    std::string out =
        "HTTP/1.1 " + std::to_string(response.status) + ' ' + std::string{reason.data(), reason.size()} + "\r\n";
    const bool has_body = response.status != 204 && response.status != 304;
    if (has_body) {
        const auto length = response.source ? response.source->length() : response.body.size();
        out += "Content-Type: " + response.type + "\r\nContent-Length: " + std::to_string(length) + "\r\n";
    }
    out += keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    for (const auto& [name, value] : kUsual) {
        if (std::ranges::find(response.headers, name, [](const auto& each) { return each.first; }) ==
            response.headers.end())
            out.append(name).append(": ").append(value).append("\r\n");
    }
    for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
    out += "\r\n";
    if (!head && has_body && !response.source) out += response.body;
    return out;
}

/// What a request that cannot be read is answered with.
Response refusal(const error_code& error) {
    if (error == beast_http::error::header_limit) return plain(431, "The request's header is too large.\n");
    if (error == beast_http::error::body_limit) return plain(413, "The request's body is too large.\n");
    return plain(400, "This is no HTTP request that this server understands.\n");
}

Request to_request(const HeaderParser& parser, const net::Socket& socket) {
    const auto& message = parser.get();
    const std::string target{message.target().data(), message.target().size()};
    const auto mark = target.find('?');
    Request out;
    out.method = std::string{message.method_string().data(), message.method_string().size()};
    out.path = target.substr(0, mark);
    if (mark != target.npos) out.query = target.substr(mark + 1);
    out.peer = socket.peer_address();
    out.encrypted = socket.is_tls();
    error_code no_address;
    const auto peer = asio::ip::make_address(out.peer, no_address);
    out.local = !no_address && peer.is_loopback();
    for (const auto& field : message) {
        std::string name{field.name_string().data(), field.name_string().size()};
        for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        auto& value = out.fields[name];
        if (!value.empty()) value += ", ";
        value.append(field.value().data(), field.value().size());
    }
    return out;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
    struct Connection {
        Connection(net::Accepted accepted, std::uint64_t serial)
            : descriptor{accepted.socket.native_handle()},
              socket{std::move(accepted.socket)},
              place{std::move(accepted.place)},
              number{serial} {
            if (!accepted.peer.empty()) socket.set_peer(std::move(accepted.peer));
        }
        int descriptor;  ///< the socket's
        net::Socket socket;
        net::ConnectionLimiter::Place place;
        std::uint64_t number;
        std::string pending;  ///< read but not parsed: the next request of a pipeline
        bool taken = false;   ///< it is a WebSocket now, and somebody else's
    };
    enum class Read { whole, refused, gone };
    enum class Next { request, close, gone };  ///< gone: also to somebody else

    Impl(asio::io_context& context, const Routes& answers, ServerLimits bounds)
        : io{context},
          routes{answers},
          limits{bounds},
          limiter{std::make_shared<net::ConnectionLimiter>(bounds.connections_per_address, bounds.connections,
                                                           bounds.connection_rate)} {}

    static awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Connection> connection, TlsSource tls) {
        co_await self->talk(*connection, tls);
        if (!connection->taken) connection->socket.close();
        self->open.erase(connection);
    }

    awaitable<void> talk(Connection& connection, const TlsSource& tls) {
        if (tls) {
            auto context = tls();
            if (!context) co_return;
            const auto divert = divert_of_tls_port(port_of(connection.descriptor));
            const auto first = co_await diverted(connection, divert);
            if (first == Diverted::taken) co_return;
            const auto done = co_await connection.socket.accept_tls(std::move(context), limits.request);
            if (!done) co_return;
            if (first == Diverted::undecided && co_await diverted(connection, divert) == Diverted::taken) co_return;
        }
        auto next = Next::request;
        for (std::size_t count = 1; next == Next::request && count <= limits.requests; ++count)
            next = co_await exchange(connection, count < limits.requests && !stopping);
        if (next != Next::gone) co_await take_leave(connection);
    }

    static std::uint16_t port_of(int descriptor) {
        asio::ip::tcp::endpoint local;
        socklen_t size = static_cast<socklen_t>(local.capacity());
        if (::getsockname(descriptor, local.data(), &size) != 0) return 0;
        local.resize(size);
        return local.port();
    }

    /// Whether another protocol that shares the port has taken the connection.
    static awaitable<Diverted> diverted(Connection& connection, const Divert& divert) {
        if (!divert) co_return Diverted::no;
        const auto verdict = co_await divert(connection.socket, connection.descriptor, connection.pending);
        connection.taken = verdict == Diverted::taken;
        co_return verdict;
    }

    /// One request and its answer.
    awaitable<Next> exchange(Connection& connection, bool more_may_follow) {
        HeaderParser parser;
        parser.header_limit(limits.header);
        parser.body_limit(boost::none);  // who takes the body says how large it may be
        error_code error;
        const auto read = co_await receive(connection, parser, error);
        if (read == Read::gone) co_return Next::gone;
        if (read == Read::refused) co_return co_await answer(connection, refusal(error), false, false);
        // RFC 9112 §3.2: a 1.1 request without Host, or a target that is no path, is 400.
        const bool fine = parser.get().version() == 10 || parser.get().count(beast_http::field::host) == 1;
        const bool keep_alive = fine && parser.keep_alive() && more_may_follow;
        auto request = to_request(parser, connection.socket);
        request.connection = connection.number;
        if (fine && parser.get().version() == 11 && wants_websocket(request)) {
            const auto upgrade = upgrades.find(request.path);
            if (upgrade != upgrades.end()) co_return co_await become_websocket(connection, upgrade->second, request);
        }
        if (!fine || !request.path.starts_with('/')) {
            const auto refused = plain(400, "This request names no host or no path.\n");
            co_return co_await answer(connection, refused, false, false);
        }
        if (const auto* tree = routes.tree_of(request.path))
            co_return co_await stream(connection, *tree, parser, request, keep_alive);
        co_return co_await whole(connection, parser, request, keep_alive);
    }

    awaitable<Next> become_websocket(Connection& connection, const Upgrade& upgrade, const Request& request) {
        auto text = upgrade.check ? refusal_of(upgrade, request) : handshake(request, upgrade.protocol);
        if (!text) co_return co_await answer(connection, text.error(), false, false);
        const auto sent = co_await connection.socket.write_all(*text, limits.write);
        if (!sent) co_return Next::gone;
        Upgraded upgraded{std::move(connection.socket), std::move(connection.pending), request};
        upgrade.take(std::move(upgraded));
        connection.taken = true;
        co_return Next::gone;
    }

    /// A request whose body is read into memory before anybody sees it.
    awaitable<Next> whole(Connection& connection, HeaderParser& header, Request& request, bool keep_alive) {
        Parser parser{std::move(header)};
        const auto limit = routes.body_limit(request.path, limits.body);
        parser.body_limit(limit);
        parser.eager(true);
        error_code error;
        if (parser.content_length().value_or(0) > limit) error = beast_http::error::body_limit;
        const auto read = error ? Read::refused : co_await receive(connection, parser, error);
        if (read == Read::gone) co_return Next::gone;
        if (read == Read::refused) co_return co_await answer(connection, refusal(error), false, false);
        request.body = std::move(parser.get().body());
        const auto response = co_await routes.run(request);
        co_return co_await answer(connection, response, keep_alive, request.method == "HEAD");
    }

    /// The octets behind a header, straight from the connection.
    class Incoming final : public Body {
      public:
        Incoming(Connection& connection, const ServerLimits& limits, std::uint64_t size, bool asks)
            : connection_{connection},
              limits_{limits},
              size_{size},
              left_{size},
              asks_{asks},
              deadline_{Clock::now() + limits.idle + std::chrono::seconds{size / kSlowest}} {}
        std::uint64_t length() const override { return size_; }
        std::uint64_t left() const { return left_; }
        awaitable<std::optional<std::size_t>> read(std::span<char> into) override {
            if (std::exchange(asks_, false) && left_ > 0) {  // RFC 9110 §10.1.1
                const auto told = co_await connection_.socket.write_all("HTTP/1.1 100 Continue\r\n\r\n", limits_.write);
                if (!told) co_return std::nullopt;
            }
            std::size_t filled = 0;
            const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
            while (filled < wanted) {
                const auto got = co_await some(into.subspan(filled, wanted - filled));
                if (got == 0) co_return std::nullopt;
                filled += got;
                left_ -= got;
            }
            co_return filled;
        }

      private:
        awaitable<std::size_t> some(std::span<char> into) {
            auto& pending = connection_.pending;
            if (!pending.empty()) {
                const auto count = std::min(into.size(), pending.size());
                std::copy_n(pending.begin(), count, into.begin());
                pending.erase(0, count);
                co_return count;
            }
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
            if (left.count() <= 0) co_return 0;
            const auto got = co_await connection_.socket.read_some(into, std::min(left, limits_.idle));
            co_return got ? *got : 0;
        }

        Connection& connection_;
        const ServerLimits& limits_;
        std::uint64_t size_;
        std::uint64_t left_;
        bool asks_;  // whether to go on
        Clock::time_point deadline_;
    };

    awaitable<Next> stream(Connection& connection, const StreamHandler& handler, const HeaderParser& parser,
                           const Request& request, bool keep_alive) {
        if (parser.chunked()) {
            const auto refused = plain(411, "The request has to say how long its body is.\n");
            co_return co_await answer(connection, refused, false, false);
        }
        const bool asks =
            parser.get().version() == 11 && beast_http::token_list{parser.get()["Expect"]}.exists("100-continue");
        Incoming body{connection, limits, parser.content_length().value_or(0), asks};
        const auto response = co_await Routes::run(handler, request, body);
        co_return co_await answer(connection, response, keep_alive && body.left() == 0, request.method == "HEAD");
    }

    awaitable<Next> answer(Connection& connection, const Response& response, bool keep_alive, bool head) {
        const auto text = serialize(response, keep_alive, head);
        const auto written = co_await connection.socket.write_all(text, limits.write);
        if (!written) co_return Next::gone;
        if (response.source && !head && response.status != 304) {
            std::vector<char> piece(std::min<std::uint64_t>(kPieces, response.source->length()));
            for (auto left = response.source->length(); left > 0;) {
                const auto got = co_await response.source->read(piece);
                if (got == 0 || got > left) co_return Next::gone;
                const auto sent = co_await connection.socket.write_all({piece.data(), got}, limits.write);
                if (!sent) co_return Next::gone;
                left -= got;
            }
        }
        co_return keep_alive ? Next::request : Next::close;
    }

    /// A close with octets unread would reset the connection and lose the answer: drain a little first.
    static awaitable<void> take_leave(Connection& connection) {
        connection.socket.shutdown_send();
        std::vector<char> waste(64 * 1024);
        for (int i = 0; i < 64; ++i) {
            const auto got = co_await connection.socket.read_some(waste, std::chrono::milliseconds{500});
            if (!got) break;
        }
    }

    static bool is_whole(const HeaderParser& parser) { return parser.is_header_done(); }
    static bool is_whole(const Parser& parser) { return parser.is_done(); }

    /// A header, or what is left of a whole request; what follows it stays in `pending`.
    template <class AnyParser>
    awaitable<Read> receive(Connection& connection, AnyParser& parser, error_code& error) {
        std::array<char, 8192> piece{};
        bool begun = !connection.pending.empty() || std::is_same_v<AnyParser, Parser>;
        auto deadline = Clock::now() + (begun ? limits.request : limits.idle);
        for (;;) {
            while (!connection.pending.empty() && !is_whole(parser)) {
                error = {};
                const auto used = parser.put(asio::buffer(connection.pending), error);
                connection.pending.erase(0, used);
                if (error == beast_http::error::need_more) break;
                if (error) co_return Read::refused;
            }
            if (is_whole(parser)) co_return Read::whole;
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0) co_return Read::gone;
            const auto got = co_await connection.socket.read_some(piece, left);
            if (!got) co_return Read::gone;
            if (!std::exchange(begun, true)) deadline = Clock::now() + limits.request;
            connection.pending.append(piece.data(), *got);
            // need_more leaves unfinished lines to us, so they count here too.
            if (connection.pending.size() > limits.header + piece.size()) {
                error = beast_http::error::header_limit;
                co_return Read::refused;
            }
        }
    }

    static std::expected<std::string, Response> refusal_of(const Upgrade& upgrade, const Request& request) {
        if (auto refused = upgrade.check(request)) return std::unexpected{std::move(*refused)};
        return handshake(request, upgrade.protocol);
    }

    asio::io_context& io;
    const Routes& routes;
    std::map<std::string, Upgrade, std::less<>> upgrades;
    ServerLimits limits;
    std::shared_ptr<net::ConnectionLimiter> limiter;
    std::vector<std::unique_ptr<net::Listener>> listeners;
    std::set<std::shared_ptr<Connection>> open;
    std::uint64_t accepted = 0;
    bool stopping = false;
};

Server::Server(asio::io_context& io, const Routes& routes, ServerLimits limits)
    : impl_{std::make_shared<Impl>(io, routes, limits)} {}

Server::~Server() { stop(); }

Server::Result Server::listen(std::string_view address, std::uint16_t port, TlsSource tls) {
    auto accept = [weak = std::weak_ptr{impl_}, tls = std::move(tls)](net::Accepted accepted) {
        const auto impl = weak.lock();
        if (!impl || impl->stopping) return;
        auto connection = std::make_shared<Impl::Connection>(std::move(accepted), ++impl->accepted);
        impl->open.insert(connection);
        asio::co_spawn(impl->io, Impl::serve(impl, std::move(connection), tls), asio::detached);
    };
    auto listener =
        net::Listener::open(impl_->io, address, port, impl_->limiter, std::move(accept), impl_->limits.balancers);
    if (!listener) return std::unexpected{listener.error()};
    const auto bound = (*listener)->local().port();
    impl_->listeners.push_back(std::move(*listener));
    return bound;
}

void Server::add_upgrade(std::string path, Upgrade upgrade) {
    impl_->upgrades.insert_or_assign(std::move(path), std::move(upgrade));
}

void Server::stop() {
    impl_->stopping = true;
    impl_->listeners.clear();
    for (const auto& connection : impl_->open) {
        if (!connection->taken) connection->socket.close();
    }
}

}  // namespace carillon::http
