/// A TCP connection that can become a TLS one, and move to another thread's io_context in between.
/// Spec: RFC 6120 §5 (STARTTLS), RFC 9266 and RFC 5929 (channel bindings).
/// OpenSSL works directly on the non-blocking descriptor, with its buffers released when idle: an idle TLS connection
/// costs a few KiB, where a stream of memory BIOs costs 32 more.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "signaling/net/pipe.h"
#include "signaling/net/tls_context.h"

namespace carillon::net {

using boost::asio::awaitable;
using boost::system::error_code;

/// Threading: its io_context's thread. One reader and one writer at a time, which may run side by side.
/// Owns: the descriptor and the TLS state.  The object must outlive the coroutines in it; close() ends them soon.
class Socket {
  public:
    using Deadline = std::chrono::milliseconds;
    static constexpr Deadline kNever = Deadline::max();
    template <class T>
    using Result = std::expected<T, error_code>;

    explicit Socket(boost::asio::ip::tcp::socket socket);
    /// A stream without a connection of its own: the other end of the pipe stands for the peer.
    Socket(boost::asio::io_context& io, PipeEnd pipe);
    ~Socket();
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;

    /// At least one octet, or an error: eof when the peer closed, timed_out past the deadline.
    awaitable<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline = kNever);
    /// As read_some(), when hardly anything will have come yet.
    awaitable<Result<std::size_t>> read_next(std::span<char> into, Deadline deadline);
    /// Whether nothing is known to wait for read_some(), so that readable() may be awaited before it.
    bool is_quiet() const;
    /// Until there may be something to read, or the socket is closed. It costs a silent connection less memory than
    /// read_some() does. The caller looks at what read_some() says afterwards.
    awaitable<std::tuple<error_code>> readable();
    /// All of `data`. A peer that takes nothing for `deadline` is an error.
    awaitable<Result<void>> write_all(std::string_view data, Deadline deadline);
    /// What goes out at once, without waiting; 0 when the peer takes nothing now.
    Result<std::size_t> try_write(std::string_view data);

    /// Server-side handshake. Octets read before it in the clear are the caller's to drop.
    awaitable<Result<void>> accept_tls(std::shared_ptr<const TlsContext::Loaded> context, Deadline deadline);
    /// Connects to `to`; for the other end's part of a stream between servers.
    static awaitable<Result<Socket>> connect(boost::asio::io_context& io, boost::asio::ip::tcp::endpoint to,
                                             Deadline deadline);
    /// Client-side handshake. Takes the SSL, which TlsClient made.
    awaitable<Result<void>> connect_tls(ssl_st* ssl, Deadline deadline);
    /// Whether the peer showed a certificate that a trusted authority signed for `domain` (RFC 6120 §13.7.1.2:
    /// dNSName, wildcards, id-on-xmppAddr).
    bool peer_is(std::string_view domain) const;
    /// close_notify without waiting for the peer's, and the TCP end of sending.
    void shutdown_send();
    /// Ends everything at once; waiting coroutines get operation_aborted.
    void close();
    bool is_open() const;

    bool is_tls() const;              ///< for a pipe: whether the way to the peer is encrypted
    std::string tls_version() const;  ///< TLSv1.3, ...; empty without TLS
    std::string sni() const;          ///< name the client asked for; empty if none
    bool has_tls_exporter() const;    ///< TLS 1.3 only (RFC 9266 §4.2)
    std::optional<std::string> tls_exporter() const;
    bool has_tls_server_end_point() const;
    std::optional<std::string> tls_server_end_point() const;
    /// RFC 5929 §3; below TLS 1.3 alone.
    std::optional<std::string> tls_unique() const;
    /// The XMPP addresses in the peer's certificate, when an authority that we trust vouches for it.
    std::vector<std::string> client_addresses() const;
    std::string peer_address() const;  ///< without port
    /// The peer is somebody else than who connected: a load balancer says so.
    void set_peer(std::string address);

    /// Moves to another io_context, TLS state and all. Nothing may be waiting; go on from that context's thread.
    void rebind(boost::asio::io_context& io);

  private:
    struct Impl;
    awaitable<Result<void>> shake_hands(Deadline deadline);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::net
