#include "signaling/net/socket.h"

#include "signaling/net/client_certificate.h"
#include "signaling/net/tls_client.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carillon::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::duration<unsigned, std::milli> kHalfOpen{90'000};
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct X509Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
};

/// What a failed OpenSSL call wants done.
enum class Want { read, write, nothing };

using SteadyPoint = std::chrono::steady_clock::time_point;

/// The deadlines of one connection's waits: of a reader and a writer. One timer serves many waits; it is set anew only
/// when it has rung too early, since most waits end long before their deadline.
struct Watch : std::enable_shared_from_this<Watch> {
    explicit Watch(tcp::socket& of) : socket{&of}, timer{of.get_executor()} {}

    void until(Want want, SteadyPoint deadline) {
        auto& mine = side(want);
        mine = {deadline, false};
        if (armed && rings <= deadline + kSlack) return;
        ring_at(deadline);
    }
    /// The wait is over; whether its deadline was what ended it.
    bool ended(Want want) {
        auto& mine = side(want);
        mine.deadline.reset();
        return std::exchange(mine.expired, false);
    }
    void stop() {
        socket = nullptr;
        timer.cancel();
    }

  private:
    static constexpr std::chrono::milliseconds kSlack{5};  // so much later is soon enough
    struct Side {
        std::optional<SteadyPoint> deadline;  // nothing: nobody waits
        bool expired = false;
    };
    Side& side(Want want) { return want == Want::read ? reader : writer; }

    void ring_at(SteadyPoint when) {
        armed = true;
        rings = when;
        timer.expires_at(when);  // which cancels the wait before
        timer.async_wait([self = shared_from_this(), when](error_code ec) {
            if (!ec && self->rings == when) self->rang();
        });
    }
    void rang() {
        armed = false;
        if (!socket) return;
        const auto now = std::chrono::steady_clock::now();
        std::optional<SteadyPoint> next;
        bool over = false;
        for (auto* each : {&reader, &writer}) {
            if (!each->deadline) continue;
            if (now >= *each->deadline) {
                each->expired = over = true;
            } else if (!next || *each->deadline < *next) {
                next = each->deadline;
            }
        }
        error_code ignored;
        // It cancels every wait of this socket: whoever misses a deadline gives the connection up.
        if (over) socket->cancel(ignored);
        if (next) ring_at(*next);
    }

    tcp::socket* socket;  // nothing: it is gone, or elsewhere
    asio::steady_timer timer;
    Side reader;
    Side writer;
    SteadyPoint rings{};
    bool armed = false;
};

}  // namespace

struct Socket::Impl {
    explicit Impl(tcp::socket given) : socket{std::move(given)} {
        error_code ignored;
        socket.non_blocking(true, ignored);
        socket.set_option(tcp::no_delay{true}, ignored);  // we batch ourselves
        // RFC 5482: a peer whose machine is gone acknowledges nothing; TCP alone would try for a quarter of an hour.
        const unsigned patience = kHalfOpen.count();
        ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
        note_peer();
    }

    void note_peer() {
        error_code ignored;
        const auto endpoint = socket.remote_endpoint(ignored);
        if (!ignored) {
            auto address = endpoint.address();
            if (address.is_v6() && address.to_v6().is_v4_mapped()) {
                address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
            }
            peer = address.to_string();
        }
    }

    Impl(asio::io_context& io, PipeEnd end) : socket{io}, pipe{std::move(end)}, peer{pipe->peer} {}

    ~Impl() {
        if (pipe) pipe->close();
        stop_watch();
    }

    void stop_watch() {
        if (watch) watch->stop();
        watch.reset();
    }

    /// As wait(), for a pipe.
    awaitable<error_code> wait_for_pipe(Want want, Deadline deadline) {
        auto timer = std::make_shared<asio::steady_timer>(socket.get_executor());
        if (deadline == kNever) {
            timer->expires_at(asio::steady_timer::time_point::max());
        } else {
            timer->expires_after(deadline);
        }
        auto wake = [executor = socket.get_executor(), weak = std::weak_ptr{timer}] {
            asio::post(executor, [weak] {
                if (const auto waiting = weak.lock()) waiting->cancel();
            });
        };
        if (!pipe_is_open) co_return asio::error::operation_aborted;
        const bool waits = want == Want::read ? pipe->in->wait_to_read(wake) : pipe->out->wait_to_write(wake);
        if (!waits) co_return error_code{};
        auto [ec] = co_await timer->async_wait(kTuple);
        if (!pipe_is_open) co_return asio::error::operation_aborted;
        co_return ec ? error_code{} : asio::error::timed_out;
    }

    Result<Want> moved_by_pipe(std::optional<std::size_t> count, std::size_t& moved, Want otherwise) const {
        if (!pipe_is_open) return std::unexpected{error_code{asio::error::operation_aborted}};
        if (!count) return std::unexpected{error_code{asio::error::eof}};
        moved = *count;
        return moved > 0 ? Want::nothing : otherwise;
    }

    /// Waits until the descriptor can be read or written; timed_out past the deadline.
    awaitable<error_code> wait(Want want, Deadline deadline) {
        if (pipe) {
            const auto ec = co_await wait_for_pipe(want, deadline);
            co_return ec;
        }
        const auto type = want == Want::read ? tcp::socket::wait_read : tcp::socket::wait_write;
        if (deadline == kNever) {
            auto [ec] = co_await socket.async_wait(type, kTuple);
            co_return ec;
        }
        if (!watch) watch = std::make_shared<Watch>(socket);
        const auto watching = watch;
        watching->until(want, std::chrono::steady_clock::now() + deadline);
        auto [ec] = co_await socket.async_wait(type, kTuple);
        co_return watching->ended(want) ? asio::error::timed_out : ec;
    }

    Result<Want> want_after(int result) {
        switch (SSL_get_error(ssl.get(), result)) {
            case SSL_ERROR_WANT_READ:
                return Want::read;
            case SSL_ERROR_WANT_WRITE:
                return Want::write;
            case SSL_ERROR_ZERO_RETURN:
                return std::unexpected{error_code{asio::error::eof}};
            case SSL_ERROR_SYSCALL: {
                const int number = errno;
                ERR_clear_error();
                broken = true;
                if (number == 0) return std::unexpected{error_code{asio::error::eof}};
                return std::unexpected{error_code{number, boost::system::system_category()}};
            }
            default:
                broken = true;
                ERR_clear_error();
                return std::unexpected{error_code{asio::error::connection_aborted}};
        }
    }

    /// One attempt; Want::nothing with `moved` octets, or what to wait for.
    Result<Want> try_read(std::span<char> into, std::size_t& moved) {
        if (pipe) return moved_by_pipe(pipe->in->read(into), moved, Want::read);
        if (ssl) {
            ERR_clear_error();
            errno = 0;
            const int result = SSL_read_ex(ssl.get(), into.data(), into.size(), &moved);
            if (result == 1) return Want::nothing;
            return want_after(result);
        }
        error_code ec;
        moved = socket.read_some(asio::buffer(into.data(), into.size()), ec);
        if (ec == asio::error::would_block) return Want::read;
        if (ec) return std::unexpected{ec};
        return Want::nothing;
    }

    Result<Want> try_write(std::string_view data, std::size_t& moved) {
        if (pipe) return moved_by_pipe(pipe->out->write(data), moved, Want::write);
        if (ssl) {
            ERR_clear_error();
            errno = 0;
            const int result = SSL_write_ex(ssl.get(), data.data(), data.size(), &moved);
            if (result == 1) return Want::nothing;
            return want_after(result);
        }
        error_code ec;
        moved = socket.write_some(asio::buffer(data), ec);
        if (ec == asio::error::would_block) return Want::write;
        if (ec) return std::unexpected{ec};
        return Want::nothing;
    }

    tcp::socket socket;
    std::shared_ptr<Watch> watch;  // once something was waited for with a deadline
    std::optional<PipeEnd> pipe;   // in place of the socket, which then lends its executor alone
    bool pipe_is_open = true;
    std::shared_ptr<const TlsContext::Loaded> context;  // outlives ssl
    std::unique_ptr<SSL, SslFree> ssl;
    std::string peer;
    bool broken = false;  // after a fatal TLS error nothing more may be sent
};

Socket::Socket(tcp::socket socket) : impl_{std::make_unique<Impl>(std::move(socket))} {}
Socket::Socket(asio::io_context& io, PipeEnd pipe) : impl_{std::make_unique<Impl>(io, std::move(pipe))} {}
Socket::~Socket() = default;
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;

awaitable<Socket::Result<std::size_t>> Socket::read_next(std::span<char> into, Deadline deadline) {
    if (is_quiet()) {
        if (const auto ec = co_await impl_->wait(Want::read, deadline)) co_return std::unexpected{ec};
    }
    co_return co_await read_some(into, deadline);
}

awaitable<Socket::Result<std::size_t>> Socket::read_some(std::span<char> into, Deadline deadline) {
    for (;;) {
        std::size_t moved = 0;
        const auto want = impl_->try_read(into, moved);
        if (!want) co_return std::unexpected{want.error()};
        if (*want == Want::nothing) co_return moved;
        if (const auto ec = co_await impl_->wait(*want, deadline)) co_return std::unexpected{ec};
    }
}

bool Socket::is_quiet() const { return !impl_->pipe && (!impl_->ssl || SSL_has_pending(impl_->ssl.get()) == 0); }

awaitable<std::tuple<error_code>> Socket::readable() {
    impl_->stop_watch();
    return impl_->socket.async_wait(tcp::socket::wait_read, kTuple);
}

awaitable<Socket::Result<void>> Socket::write_all(std::string_view data, Deadline deadline) {
    while (!data.empty()) {
        std::size_t moved = 0;
        const auto want = impl_->try_write(data, moved);
        if (!want) co_return std::unexpected{want.error()};
        if (*want == Want::nothing) {
            data.remove_prefix(moved);
        } else if (const auto ec = co_await impl_->wait(*want, deadline)) {
            co_return std::unexpected{ec};
        }
    }
    co_return Result<void>{};
}

Socket::Result<std::size_t> Socket::try_write(std::string_view data) {
    std::size_t total = 0;
    while (!data.empty()) {
        std::size_t moved = 0;
        const auto want = impl_->try_write(data, moved);
        if (!want) return std::unexpected{want.error()};
        if (*want != Want::nothing) break;
        data.remove_prefix(moved);
        total += moved;
    }
    return total;
}

awaitable<Socket::Result<void>> Socket::accept_tls(std::shared_ptr<const TlsContext::Loaded> context,
                                                   Deadline deadline) {
    impl_->context = std::move(context);
    impl_->ssl.reset(TlsContext::make_ssl(*impl_->context));
    SSL_set_accept_state(impl_->ssl.get());
    return shake_hands(deadline);
}

awaitable<Socket::Result<void>> Socket::connect_tls(ssl_st* ssl, Deadline deadline) {
    impl_->ssl.reset(ssl);
    SSL_set_connect_state(ssl);
    return shake_hands(deadline);
}

awaitable<Socket::Result<void>> Socket::shake_hands(Deadline deadline) {
    SSL_set_fd(impl_->ssl.get(), impl_->socket.native_handle());
    const auto until = std::chrono::steady_clock::now() + deadline;  // of the whole handshake, not of each step
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_do_handshake(impl_->ssl.get());
        if (result == 1) co_return Result<void>{};
        const auto want = impl_->want_after(result);
        if (!want) co_return std::unexpected{want.error()};
        const auto left = std::chrono::duration_cast<Deadline>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) co_return std::unexpected{error_code{asio::error::timed_out}};
        if (const auto ec = co_await impl_->wait(*want, left)) co_return std::unexpected{ec};
    }
}

awaitable<Socket::Result<Socket>> Socket::connect(asio::io_context& io, tcp::endpoint to, Deadline deadline) {
    tcp::socket socket{io};
    error_code error;
    socket.open(to.protocol(), error);
    if (error) co_return std::unexpected{error};
    socket.non_blocking(true, error);
    socket.connect(to, error);
    if (error == asio::error::in_progress || error == asio::error::would_block) {
        Socket waiting{std::move(socket)};
        if (const auto failed = co_await waiting.impl_->wait(Want::write, deadline)) co_return std::unexpected{failed};
        int reason = 0;
        socklen_t length = sizeof reason;
        ::getsockopt(waiting.impl_->socket.native_handle(), SOL_SOCKET, SO_ERROR, &reason, &length);
        if (reason != 0) co_return std::unexpected{error_code{reason, boost::system::system_category()}};
        waiting.impl_->note_peer();
        co_return std::move(waiting);
    }
    if (error) co_return std::unexpected{error};
    co_return Socket{std::move(socket)};
}

bool Socket::peer_is(std::string_view domain) const {
    if (!impl_->ssl || SSL_get_verify_result(impl_->ssl.get()) != X509_V_OK) return false;
    const std::unique_ptr<X509, X509Free> certificate{SSL_get1_peer_certificate(impl_->ssl.get())};
    return certificate && certificate_names(*certificate, domain);
}

std::vector<std::string> Socket::client_addresses() const {
    if (!impl_->ssl || SSL_get_verify_result(impl_->ssl.get()) != X509_V_OK) return {};
    const std::unique_ptr<X509, X509Free> certificate{SSL_get1_peer_certificate(impl_->ssl.get())};
    return certificate ? xmpp_addresses(*certificate) : std::vector<std::string>{};
}

std::optional<std::string> Socket::tls_unique() const {
    // RFC 5929 §3: the first Finished of the handshake; RFC 7627 §1: worth nothing without extended master secret.
    auto* ssl = impl_->ssl.get();
    if (!ssl || SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1) return std::nullopt;
    std::string octets(EVP_MAX_MD_SIZE, '\0');
    const auto length = SSL_session_reused(ssl) == 1 ? SSL_get_finished(ssl, octets.data(), octets.size())
                                                     : SSL_get_peer_finished(ssl, octets.data(), octets.size());
    if (length == 0) return std::nullopt;
    octets.resize(length);
    return octets;
}

void Socket::shutdown_send() {
    if (!is_open()) return;
    if (impl_->pipe) return impl_->pipe->out->end();
    if (impl_->ssl && !impl_->broken && SSL_is_init_finished(impl_->ssl.get())) {
        ERR_clear_error();
        SSL_shutdown(impl_->ssl.get());
        ERR_clear_error();
    }
    error_code ignored;
    impl_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Socket::close() {
    if (impl_->pipe && std::exchange(impl_->pipe_is_open, false)) impl_->pipe->close();
    error_code ignored;
    impl_->socket.close(ignored);
}

bool Socket::is_open() const { return impl_->pipe ? impl_->pipe_is_open : impl_->socket.is_open(); }
bool Socket::is_tls() const { return impl_->pipe ? impl_->pipe->encrypted : impl_->ssl != nullptr; }
std::string Socket::tls_version() const { return impl_->ssl ? SSL_get_version(impl_->ssl.get()) : ""; }

std::string Socket::sni() const {
    const char* name = impl_->ssl ? SSL_get_servername(impl_->ssl.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
    return name ? name : "";
}

bool Socket::has_tls_exporter() const {
    // RFC 9266 §4.2: below TLS 1.3 the exporter is unique only with extended master secret; clients then use others.
    return impl_->ssl && SSL_version(impl_->ssl.get()) >= TLS1_3_VERSION;
}

std::optional<std::string> Socket::tls_exporter() const {
    if (!has_tls_exporter()) return std::nullopt;
    static constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string octets(32, '\0');
    if (SSL_export_keying_material(impl_->ssl.get(), reinterpret_cast<unsigned char*>(octets.data()), octets.size(),
                                   kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1) {
        return std::nullopt;
    }
    return octets;
}

bool Socket::has_tls_server_end_point() const { return impl_->ssl && SSL_get_certificate(impl_->ssl.get()) != nullptr; }

std::optional<std::string> Socket::tls_server_end_point() const {
    const X509* certificate = impl_->ssl ? SSL_get_certificate(impl_->ssl.get()) : nullptr;
    if (!certificate) return std::nullopt;
    // RFC 5929 §4.1: the hash of the signature algorithm, MD5 and SHA-1 replaced by SHA-256.
    int digest_id = NID_undef;
    X509_get_signature_info(const_cast<X509*>(certificate), &digest_id, nullptr, nullptr, nullptr);
    const EVP_MD* digest = digest_id == NID_undef || digest_id == NID_md5 || digest_id == NID_sha1
                               ? EVP_sha256()
                               : EVP_get_digestbynid(digest_id);
    if (!digest) return std::nullopt;
    std::string octets(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    if (X509_digest(certificate, digest, reinterpret_cast<unsigned char*>(octets.data()), &length) != 1)
        return std::nullopt;
    octets.resize(length);
    return octets;
}

std::string Socket::peer_address() const { return impl_->peer; }
void Socket::set_peer(std::string address) { impl_->peer = std::move(address); }

void Socket::rebind(asio::io_context& io) {
    impl_->stop_watch();
    if (impl_->pipe) {
        impl_->socket = tcp::socket{io};
        return;
    }
    const bool v6 = impl_->socket.local_endpoint().address().is_v6();
    const auto descriptor = impl_->socket.release();
    impl_->socket = tcp::socket{io, v6 ? tcp::v6() : tcp::v4(), descriptor};
    error_code ignored;
    impl_->socket.non_blocking(true, ignored);
}

}  // namespace carillon::net
