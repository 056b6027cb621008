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

namespace carillon::net {

/// Counts connections by peer address; shared by all listeners of a service. Threading: any thread.
class ConnectionLimiter : public std::enable_shared_from_this<ConnectionLimiter> {
  public:
    /// Gives its place back when destroyed.
    using Place = std::shared_ptr<void>;

    ConnectionLimiter(std::size_t per_address, std::size_t total);
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
};

/// Threading: the io_context's thread.  Stops when destroyed.
class Listener {
  public:
    /// Binds at once: the error text names address, port and the remedy.
    static std::expected<std::unique_ptr<Listener>, std::string> open(boost::asio::io_context& io,
                                                                      std::string_view address, std::uint16_t port,
                                                                      std::shared_ptr<ConnectionLimiter> limiter,
                                                                      std::function<void(Accepted)> on_accept);
    ~Listener();
    boost::asio::ip::tcp::endpoint local() const;
    void stop();

  private:
    struct Impl;
    explicit Listener(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::net
