#include "relay/api/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace carillon::relay::api {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

struct TlsSide::Context : asio::ssl::context {
    using asio::ssl::context::context;
};

namespace {

using TlsStream = asio::ssl::stream<tcp::socket>;

template <class Stream>
class StreamConnection final : public Connection {
  public:
    explicit StreamConnection(std::unique_ptr<Stream> stream) : stream_{std::move(stream)} {}

    void read(asio::mutable_buffer into, Done done) override {
        asio::async_read(*stream_, into, [done = std::move(done)](error_code ec, std::size_t) { done(ec); });
    }
    void write(asio::const_buffer from, Done done) override {
        asio::async_write(*stream_, from, [done = std::move(done)](error_code ec, std::size_t) { done(ec); });
    }
    void close() override {
        error_code ignored;
        stream_->lowest_layer().close(ignored);
    }

  private:
    std::unique_ptr<Stream> stream_;
};

/// Small frames go out at once; a peer that has vanished without a word is missed within seconds.
void tune(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    socket.set_option(asio::socket_base::keep_alive{true}, ignored);
    for (const auto& [option, value] :
         {std::pair{TCP_KEEPIDLE, 5}, {TCP_KEEPINTVL, 2}, {TCP_KEEPCNT, 3}, {TCP_USER_TIMEOUT, 10'000}})
        ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
}

std::string text_of(error_code error) {
    // "certificate verify failed" says more than the library's number.
    return error.category() == asio::error::get_ssl_category() ? "TLS: " + error.message() : error.message();
}

/// A name to look up, a socket, a handshake, one deadline.
class Dial : public std::enable_shared_from_this<Dial> {
  public:
    Dial(asio::io_context& io, const WorkerAddress& to, const TlsSide& side, Connected done)
        : resolver_{io}, timer_{io}, to_{to}, side_{side}, done_{std::move(done)} {
        stream_ = std::make_unique<TlsStream>(tcp::socket{io}, *side_.context());
    }

    void start() {
        stream_->set_verify_callback(asio::ssl::host_name_verification{to_.host});
        error_code numeric;
        asio::ip::make_address(to_.host, numeric);
        if (numeric) SSL_set_tlsext_host_name(stream_->native_handle(), to_.host.c_str());
        timer_.expires_after(kConnectDeadline);
        timer_.async_wait([self = shared_from_this()](error_code stopped) {
            if (!stopped) self->end("does not answer");
        });
        resolver_.async_resolve(to_.host, std::to_string(to_.port),
                                [self = shared_from_this()](error_code ec, const tcp::resolver::results_type& found) {
                                    if (ec) return self->end(text_of(ec));
                                    self->reach(found);
                                });
    }

  private:
    void reach(const tcp::resolver::results_type& found) {
        if (!done_) return;
        asio::async_connect(stream_->lowest_layer(), found,
                            [self = shared_from_this()](error_code ec, const tcp::endpoint&) {
                                if (ec) return self->end(text_of(ec));
                                self->shake();
                            });
    }

    void shake() {
        if (!done_) return;
        tune(stream_->next_layer());
        stream_->async_handshake(TlsStream::client, [self = shared_from_this()](error_code ec) {
            if (ec) return self->end(text_of(ec));
            if (!self->done_) return;
            self->timer_.cancel();
            std::exchange(self->done_,
                          nullptr)(std::make_shared<StreamConnection<TlsStream>>(std::move(self->stream_)));
        });
    }

    void end(const std::string& why) {
        if (!done_) return;
        timer_.cancel();
        resolver_.cancel();
        error_code ignored;
        stream_->lowest_layer().close(ignored);
        std::exchange(done_, nullptr)(std::unexpected{to_.host + ':' + std::to_string(to_.port) + ": " + why});
    }

    tcp::resolver resolver_;
    asio::steady_timer timer_;
    WorkerAddress to_;
    TlsSide side_;
    Connected done_;
    std::unique_ptr<TlsStream> stream_;
};

void connect_local(asio::io_context& io, const std::string& path, Connected done) {
    auto socket = std::make_shared<Local::socket>(io);
    if (path.size() > 107) {
        return asio::post(io, [path, done = std::move(done)] {
            done(std::unexpected{path + ": longer than a socket's path may be"});
        });
    }
    socket->async_connect(Local::endpoint{path}, [socket, path, done = std::move(done)](error_code ec) {
        if (ec) return done(std::unexpected{path + ": " + ec.message()});
        done(connection_of(std::move(*socket)));
    });
}

}  // namespace

std::expected<TlsSide, std::string> TlsSide::load(const TlsFiles& files, Role role) {
    const bool worker = role == Role::worker;
    auto context = std::make_shared<Context>(worker ? asio::ssl::context::tls_server : asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_3_VERSION);
    // A resumed session would not look at the certificate again.
    SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context->native_handle(), 0);
    error_code ec;
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, ec);
    if (context->load_verify_file(files.authority, ec)) return std::unexpected{files.authority + ": " + ec.message()};
    if (context->use_certificate_chain_file(files.certificate, ec))
        return std::unexpected{files.certificate + ": " + ec.message()};
    if (context->use_private_key_file(files.key, asio::ssl::context::pem, ec))
        return std::unexpected{files.key + ": " + ec.message()};
    return TlsSide{std::move(context)};
}

void connect(asio::io_context& io, const WorkerAddress& to, const TlsFiles& files, Connected done) {
    if (!to.remote()) return connect_local(io, to.path, std::move(done));
    auto side = TlsSide::load(files, TlsSide::Role::signaling);
    if (!side) {
        return asio::post(io, [why = side.error(), done = std::move(done)] { done(std::unexpected{why}); });
    }
    std::make_shared<Dial>(io, to, *side, std::move(done))->start();
}

std::shared_ptr<Connection> connection_of(Local::socket socket) {
    return std::make_shared<StreamConnection<Local::socket>>(std::make_unique<Local::socket>(std::move(socket)));
}

void accept_tls(tcp::socket socket, const TlsSide& side, Connected done) {
    struct Shake {
        std::unique_ptr<TlsStream> stream;
        asio::steady_timer timer;
        std::shared_ptr<TlsSide::Context> context;  // outlives the stream
    };
    tune(socket);
    auto timer = asio::steady_timer{socket.get_executor(), kConnectDeadline};
    auto shake = std::make_shared<Shake>(
        Shake{std::make_unique<TlsStream>(std::move(socket), *side.context()), std::move(timer), side.context()});
    shake->timer.async_wait([shake](error_code stopped) {
        error_code ignored;
        if (!stopped && shake->stream) shake->stream->lowest_layer().close(ignored);
    });
    shake->stream->async_handshake(TlsStream::server, [shake, done = std::move(done)](error_code ec) {
        shake->timer.cancel();
        if (ec) return done(std::unexpected{text_of(ec)});
        done(std::make_shared<StreamConnection<TlsStream>>(std::move(shake->stream)));
    });
}

}  // namespace carillon::relay::api
