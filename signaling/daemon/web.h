/// The daemon's HTTP side: status page, health, metrics.
/// Not here: the server and its routes (http/).
#pragma once
#include <expected>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "config/base/metrics.h"
#include "config/settings.h"
#include "signaling/bosh/manager.h"
#include "signaling/host/host.h"
#include "signaling/http/server.h"
#include "signaling/net/tls_context.h"
#include "signaling/stream/stream_server.h"

namespace carillon::daemon {

/// Threading: the io_context's thread.  Host and streams must outlive it.
class Web {
  public:
    Web(boost::asio::io_context& io, const host::Host& host, stream::StreamServer& streams,
        const config::Settings& settings);

    std::expected<void, std::string> listen(const config::NetworkSettings& network, const net::TlsContext& tls);
    http::Routes& routes() { return routes_; }
    metrics::Registry& metrics() { return metrics_; }
    void stop();

  private:
    metrics::Registry metrics_;
    http::Routes routes_;
    http::Server server_;
    std::unique_ptr<bosh::Manager> bosh_;
};

}  // namespace carillon::daemon
