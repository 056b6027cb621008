#include "signaling/http/server.h"

#include <array>
#include <set>

#include <boost/asio.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "signaling/http/websocket.h"
#include "signaling/net/socket.h"

namespace carillon::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::awaitable;
using boost::system::error_code;
using Parser = beast_http::request_parser<beast_http::string_body>;
using Clock = std::chrono::steady_clock;

std::string serialize(const Response& response, bool keep_alive, bool head) {
    const auto reason = beast_http::obsolete_reason(beast_http::int_to_status(response.status));
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ' + std::string{reason.data(), reason.size()} +
                      "\r\nServer: Carillon\r\nContent-Type: " + response.type +
                      "\r\nContent-Length: " + std::to_string(response.body.size()) +
                      "\r\nConnection: " + (keep_alive ? "keep-alive" : "close") +
                      "\r\nCache-Control: no-store"
                      "\r\nX-Content-Type-Options: nosniff"
                      "\r\nReferrer-Policy: no-referrer"
                      "\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
                      "frame-ancestors 'none'\r\n";
    for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
    out += "\r\n";
    if (!head) out += response.body;
    return out;
}

/// What a request that cannot be read is answered with.
Response refusal(const error_code& error) {
    if (error == beast_http::error::header_limit) return plain(431, "The request's header is too large.\n");
    if (error == beast_http::error::body_limit) return plain(413, "The request's body is too large.\n");
    return plain(400, "This is no HTTP request that this server understands.\n");
}

Request to_request(const Parser& parser, const net::Socket& socket) {
    const auto& message = parser.get();
    const std::string target{message.target().data(), message.target().size()};
    const auto mark = target.find('?');
    Request out;
    out.method = std::string{message.method_string().data(), message.method_string().size()};
    out.path = target.substr(0, mark);
    if (mark != target.npos) out.query = target.substr(mark + 1);
    out.body = message.body();
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
            : socket{std::move(accepted.socket)}, place{std::move(accepted.place)}, number{serial} {
            if (!accepted.peer.empty()) socket.set_peer(std::move(accepted.peer));
        }
        net::Socket socket;
        net::ConnectionLimiter::Place place;
        std::uint64_t number;
        std::string pending;  ///< read but not parsed: the next request of a pipeline
        bool taken = false;   ///< it is a WebSocket now, and somebody else's
    };
    enum class Read { whole, refused, gone };

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
            const auto done = co_await connection.socket.accept_tls(std::move(context), limits.request);
            if (!done) co_return;
        }
        for (std::size_t count = 1; count <= limits.requests; ++count) {
            Parser parser;
            parser.header_limit(limits.header);
            parser.body_limit(boost::none);  // which limit holds is known when the path is
            parser.eager(true);
            error_code error;
            const auto read = co_await receive(connection, parser, error);
            if (read == Read::gone) co_return;
            Response response;
            bool keep_alive = false;
            bool head = false;
            if (read == Read::refused) {
                response = refusal(error);
            } else {
                auto request = to_request(parser, connection.socket);
                request.connection = connection.number;
                head = request.method == "HEAD";
                // RFC 9112 §3.2: a 1.1 request without Host, or a target that is no path, is 400.
                const bool fine = parser.get().version() == 10 || parser.get().count(beast_http::field::host) == 1;
                keep_alive = fine && parser.keep_alive() && count < limits.requests && !stopping;
                if (fine && parser.get().version() == 11 && wants_websocket(request)) {
                    const auto upgrade = upgrades.find(request.path);
                    if (upgrade != upgrades.end()) {
                        auto text = upgrade->second.check ? refusal_of(upgrade->second, request)
                                                          : handshake(request, upgrade->second.protocol);
                        if (text) {
                            const auto sent = co_await connection.socket.write_all(*text, limits.write);
                            if (!sent) co_return;
                            Upgraded upgraded{std::move(connection.socket), std::move(connection.pending), request};
                            upgrade->second.take(std::move(upgraded));
                            connection.taken = true;
                            co_return;
                        }
                        response = std::move(text.error());
                        const auto refused = serialize(response, false, false);
                        const auto told = co_await connection.socket.write_all(refused, limits.write);
                        if (!told) co_return;
                        break;
                    }
                }
                if (fine && request.path.starts_with('/'))
                    response = co_await routes.run(request);
                else
                    response = plain(400, "This request names no host or no path.\n");
            }
            const auto text = serialize(response, keep_alive, head);
            const auto written = co_await connection.socket.write_all(text, limits.write);
            if (!written) co_return;
            if (!keep_alive) break;
        }
        // A close with octets unread would reset the connection and lose the answer: drain a little first.
        connection.socket.shutdown_send();
        std::array<char, 4096> waste{};
        for (int i = 0; i < 64; ++i) {
            const auto got = co_await connection.socket.read_some(waste, std::chrono::milliseconds{500});
            if (!got) break;
        }
    }

    /// One whole request; what follows it stays in `pending`.
    awaitable<Read> receive(Connection& connection, Parser& parser, error_code& error) {
        std::array<char, 8192> piece{};
        auto deadline = Clock::now() + (connection.pending.empty() ? limits.idle : limits.request);
        bool begun = !connection.pending.empty();
        for (;;) {
            while (!connection.pending.empty() && !parser.is_done()) {
                error = {};
                const auto used = parser.put(asio::buffer(connection.pending), error);
                connection.pending.erase(0, used);
                if (!(error && error != beast_http::error::need_more) && too_large(parser)) {
                    error = beast_http::error::body_limit;
                }
                if (error == beast_http::error::need_more) break;
                if (error) co_return Read::refused;
            }
            if (parser.is_done()) co_return Read::whole;
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

    /// By what has come, or what the header announces.
    bool too_large(const Parser& parser) const {
        if (!parser.is_header_done()) return false;
        const auto target = parser.get().target();
        const auto path = std::string_view{target.data(), target.size()};
        const auto limit = routes.body_limit(path.substr(0, path.find('?')), limits.body);
        return parser.get().body().size() > limit || parser.content_length().value_or(0) > limit;
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
