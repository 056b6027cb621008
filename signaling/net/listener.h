/// Accepts TCP connections within limits, and goes on when the process runs out of descriptors.
#pragma once
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "signaling/net/proxy_header.h"

namespace carillon::net {

/// Counts connections by peer address, and how fast they come; shared by all listeners of a service. Threading: any
/// thread.
class ConnectionLimiter : public std::enable_shared_from_this<ConnectionLimiter> {
  public:
    /// Gives its place back when destroyed.
    using Place = std::shared_ptr<void>;

    /// `rate`: new connections of an address a second, up to ten seconds' worth at once; 0: no limit.
    ConnectionLimiter(std::size_t per_address, std::size_t total, double rate = 0);
    ~ConnectionLimiter();
    /// nullptr when the address or the whole has its fill. IPv6 counts by /64.
    Place admit(const boost::asio::ip::address& peer);
    std::size_t size() const;
    std::size_t refused() const;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

struct Accepted {
    boost::asio::ip::tcp::socket socket;
    ConnectionLimiter::Place place;
    std::string peer;  ///< the client's address when a load balancer told it; empty: the socket's own
};

/// Threading: the io_context's thread.  Stops when destroyed.
class Listener {
  public:
    /// Binds at once: the error text names address, port and the remedy. Connections from `balancers` begin with a
    /// header of the PROXY protocol; who sends none, or a wrong one, or none in time, is dropped.
    static std::expected<std::unique_ptr<Listener>, std::string> open(boost::asio::io_context& io,
                                                                      std::string_view address, std::uint16_t port,
                                                                      std::shared_ptr<ConnectionLimiter> limiter,
                                                                      std::function<void(Accepted)> on_accept,
                                                                      AddressList balancers = {});
    ~Listener();
    boost::asio::ip::tcp::endpoint local() const;
    void stop();

  private:
    struct Impl;
    explicit Listener(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::net
