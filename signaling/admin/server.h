/// The admin socket: JSON lines over a Unix socket that only the server's own user and root may open.
/// Spec: docs/admin-protocol.md.  Not here: what commands do (registry.h and whoever fills it).
#pragma once
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "signaling/admin/registry.h"

namespace carillon::admin {

struct ServerLimits {
    std::size_t line = 64 * 1024;                ///< octets of one request
    std::size_t clients = 16;                    ///< more are turned away with an error line
    std::chrono::milliseconds idle{300'000};     ///< between requests, and for one to arrive whole
    std::chrono::milliseconds command{120'000};  ///< for a command to run and its answer to be taken
};

/// Threading: the io_context's thread, also its end; commands run there.  Owns: the socket file, removed in the end.
class Server {
  public:
    /// A file left by a dead server is replaced; one that a live server answers on is an error.
    /// The registry must outlive the io_context's last handler.
    static std::expected<std::unique_ptr<Server>, std::string> open(boost::asio::io_context& io,
                                                                    const std::string& path, const Registry& registry,
                                                                    ServerLimits limits = {});
    ~Server();
    void stop();

  private:
    struct Impl;
    explicit Server(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::admin
