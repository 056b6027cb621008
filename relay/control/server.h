/// The worker's control socket: frames in, replies and events out.
/// Spec: docs/relay-control.md.
#pragma once
#include <filesystem>
#include <memory>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "relay/control/worker.h"

namespace carillon::relay {

/// Threading: the control thread.  A client that sends what is no request, or reads too slowly, is cut off; sessions
/// stay.
class ControlServer {
  public:
    static constexpr std::size_t kMaxClients = 256;  ///< one for each thread of the server, and operators

    /// The socket file is the owner's alone; one that a dead worker left behind is replaced. Throws std::runtime_error.
    ControlServer(boost::asio::io_context& io, std::filesystem::path path, Worker& worker);
    ~ControlServer();
    std::size_t clients() const { return clients_.size(); }

  private:
    class Client;
    void accept();

    boost::asio::io_context& io_;
    std::filesystem::path path_;
    Worker& worker_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::set<std::shared_ptr<Client>> clients_;
};

}  // namespace carillon::relay
