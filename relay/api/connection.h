/// The octets between signaling and a worker: over a Unix socket, or over TCP with TLS 1.3 in which both sides prove
/// who they are. Spec: docs/relay-control.md (Transport). Not here: frames and requests (client.h, control/server.h).
#pragma once
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include "config/base/worker_address.h"

namespace carillon::relay::api {

/// The files of one side of a TLS connection, in PEM. Read again for each connection made: what is renewed counts.
struct TlsFiles {
    std::string authority;    ///< who signs the certificates of all workers and of signaling, and nothing else
    std::string certificate;  ///< of this side, its chain after it
    std::string key;
    bool complete() const { return !authority.empty() && !certificate.empty() && !key.empty(); }
};

/// Threading: the io_context's thread. One read and one write at a time; both end with an error after close().
class Connection {
  public:
    using Done = std::function<void(boost::system::error_code)>;

    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virtual ~Connection() = default;
    /// Fills the whole of `into`.
    virtual void read(boost::asio::mutable_buffer into, Done done) = 0;
    virtual void write(boost::asio::const_buffer from, Done done) = 0;
    virtual void close() = 0;
};

/// The connection, or why there is none.
using Connected = std::function<void(std::expected<std::shared_ptr<Connection>, std::string>)>;

/// Whom it trusts and how it shows who it is; an error names the file.
class TlsSide {
  public:
    enum class Role : std::uint8_t { signaling, worker };
    struct Context;

    static std::expected<TlsSide, std::string> load(const TlsFiles& files, Role role);
    const std::shared_ptr<Context>& context() const { return context_; }

  private:
    explicit TlsSide(std::shared_ptr<Context> context) : context_{std::move(context)} {}
    std::shared_ptr<Context> context_;
};

/// Deadline of looking up the name, connecting and the handshake together.
inline constexpr std::chrono::seconds kConnectDeadline{5};

/// `done` once, never from within. The worker's certificate must be signed by the authority for the host's name.
void connect(boost::asio::io_context& io, const WorkerAddress& to, const TlsFiles& files, Connected done);

std::shared_ptr<Connection> connection_of(boost::asio::local::stream_protocol::socket socket);

/// A worker's side: the handshake with whoever has connected. Its certificate must be signed by the authority, for use
/// by a client (RFC 5280 §4.2.1.12).
void accept_tls(boost::asio::ip::tcp::socket socket, const TlsSide& side, Connected done);

}  // namespace carillon::relay::api
