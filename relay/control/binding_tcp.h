/// The binding server over TCP.
/// Spec: RFC 8489 §6.2.2 (framing by the message's own length), §7.3.
#pragma once
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace carillon::relay {

/// Threading: the control thread.  At most kMaxConnections, each ended after 30 idle seconds.
class BindingTcpServer {
  public:
    static constexpr std::size_t kMaxConnections = 512;
    /// Throws std::runtime_error with the remedy.
    BindingTcpServer(boost::asio::io_context& io, const std::string& address, std::uint16_t port);
    ~BindingTcpServer();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::relay
