/// The client side of the host: listeners, the stream stages of all shards, an orderly end.
/// Not here: one stream (connection.h).
#pragma once
#include <atomic>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "signaling/host/host.h"
#include "signaling/http/server.h"
#include "signaling/net/listener.h"
#include "signaling/net/tls_context.h"
#include "signaling/stream/stream_options.h"
#include "signaling/stream/stream_stage.h"

namespace carillon::stream {

struct ConnectionLimits {
    std::size_t per_address = 1000;
    std::size_t total = 100'000;
    double rate = 0;             ///< new ones of an address a second; 0: no limit
    net::AddressList balancers;  ///< who speaks the PROXY protocol
};

/// Threading: the main thread.  Made before host.start(), stopped before host.stop(), destroyed before the Host.
class StreamServer {
  public:
    using Result = std::expected<void, std::string>;

    StreamServer(host::Host& host, StreamOptions options, net::TlsContext& tls, ConnectionLimits limits = {});
    ~StreamServer();

    /// Begins to listen; the host must run. `port` 0: any; local_port() tells.
    Result listen(const std::string& address, std::uint16_t port, bool direct_tls);
    std::uint16_t local_port(std::size_t listener) const { return ports_[listener]; }
    /// Takes over what the HTTP server has made a WebSocket (RFC 7395). False: there are too many connections.
    bool adopt(http::Upgraded upgraded);
    /// A stream by other means than a connection, as a WebSocket's (RFC 7395): BOSH. Nothing: there are too many.
    std::optional<net::PipeEnd> open_pipe(const std::string& peer, bool secure);
    /// Ends every stream with `condition` and waits until they are gone, not longer than `patience`.
    void shutdown(std::string_view condition, std::chrono::milliseconds patience);
    std::size_t open_connections() const;
    runtime::CounterValues counters() const;

  private:
    void accept(net::Accepted accepted, bool direct_tls);
    void stop_listening();
    void take_over();

    host::Host& host_;
    StreamOptions options_;
    net::TlsContext& tls_;
    net::AddressList balancers_;
    boost::asio::thread_pool blocking_{1};  ///< password checks
    auth::LoginThrottle throttle_;
    std::vector<std::unique_ptr<StreamStage>> stages_;
    std::shared_ptr<net::ConnectionLimiter> limiter_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;  // live on shard 0
    std::vector<std::uint16_t> ports_;
    std::size_t next_shard_ = 0;  // of shard 0's thread
    bool ticking_ = false;
};

}  // namespace carillon::stream
