/// HTTP/1.1 and 1.0 over TCP and TLS: reads bounded requests, asks the routes, writes answers.
/// Spec: RFC 9112, RFC 9110, RFC 6585 §5 (431).  Not here: pages (routes.h), WebSocket.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "signaling/http/routes.h"
#include "signaling/net/listener.h"
#include "signaling/net/socket.h"
#include "signaling/net/tls_context.h"

namespace carillon::http {

struct ServerLimits {
    std::uint32_t header = 16 * 1024;  ///< octets of request line and fields together
    std::uint64_t body = 64 * 1024;
    std::size_t requests = 1000;  ///< on one connection
    std::size_t connections = 500;
    std::size_t connections_per_address = 50;
    std::chrono::milliseconds request{10'000};  ///< for a whole request to arrive; TLS handshake likewise
    std::chrono::milliseconds idle{60'000};     ///< between requests
    std::chrono::milliseconds write{10'000};    ///< a peer that takes nothing
    double connection_rate = 0;                 ///< new ones of an address a second; 0: no limit
    net::AddressList balancers;                 ///< who speaks the PROXY protocol
};

/// A connection that has become a WebSocket.
struct Upgraded {
    net::Socket socket;
    std::string pending;  ///< read already
    Request request;
};
struct Upgrade {
    std::string protocol;  ///< the only subprotocol
    /// Nothing: the request may become a WebSocket; else the answer. May be empty.
    std::function<std::optional<Response>(const Request&)> check;
    std::function<void(Upgraded)> take;
};

/// Threading: the io_context's thread; handlers run there.
class Server {
  public:
    using Result = std::expected<std::uint16_t, std::string>;
    using TlsSource = std::function<std::shared_ptr<const net::TlsContext::Loaded>()>;

    /// The routes must outlive the io_context's last handler.
    Server(boost::asio::io_context& io, const Routes& routes, ServerLimits limits = {});
    ~Server();
    /// Answers the port, which matters when `port` is 0. With `tls`, TLS from the first octet.
    Result listen(std::string_view address, std::uint16_t port, TlsSource tls = {});
    /// Requests for `path` may become WebSockets. Before listen().
    void add_upgrade(std::string path, Upgrade upgrade);
    /// Closes listeners and connections.
    void stop();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::http
