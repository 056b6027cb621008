/// The worker's control sockets, for its own machine and for others: frames in, replies and events out.
/// Spec: docs/relay-control.md.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "relay/api/connection.h"
#include "relay/control/worker.h"

namespace carillon::relay {

/// Threading: the control thread.  A client that sends what is no request, or reads too slowly, is cut off; sessions
/// stay.
class ControlServer {
  public:
    static constexpr std::size_t kMaxClients = 256;         ///< one for each thread of the server, and operators
    static constexpr std::size_t kMaxHandshakes = 64;       ///< of who has not proven yet who it is
    static constexpr std::size_t kMaxHandshakesOfOne = 16;  ///< address

    ControlServer(boost::asio::io_context& io, Worker& worker);
    ControlServer(boost::asio::io_context& io, std::filesystem::path path, Worker& worker);  ///< and listens there
    ~ControlServer();

    /// The socket file is the owner's alone; one that a dead worker left behind is replaced. Throws std::runtime_error.
    void listen(std::filesystem::path path);
    /// For other machines. `address`: numeric. Throws std::runtime_error.
    void listen(const std::string& address, std::uint16_t port, const api::TlsFiles& files);
    /// Reads the files again; those before stay when they are no good.
    std::expected<void, std::string> reload_certificates();
    std::size_t clients() const { return clients_.size(); }

  private:
    class Client;
    template <class Acceptor, class Take>
    void accept(Acceptor& acceptor, Take take);
    void shake(boost::asio::ip::tcp::socket socket);
    void admit(std::shared_ptr<api::Connection> connection);

    boost::asio::io_context& io_;
    std::filesystem::path path_;
    Worker& worker_;
    boost::asio::local::stream_protocol::acceptor local_;
    boost::asio::ip::tcp::acceptor remote_;
    boost::asio::steady_timer pause_;
    api::TlsFiles files_;
    std::optional<api::TlsSide> side_;
    std::multiset<boost::asio::ip::address> handshakes_;
    std::chrono::steady_clock::time_point quiet_until_{};  // strangers cannot fill the log
    std::set<std::shared_ptr<Client>> clients_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace carillon::relay
