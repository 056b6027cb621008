/// TLS ports that another protocol shares with HTTP: whom a connection is shown before it is served.
/// Process-wide, as ports are.  Not here: the other protocol (daemon/turn_share.h).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "signaling/net/socket.h"

namespace carillon::http {

enum class Diverted {
    no,
    undecided,  ///< to be asked again once hands are shaken
    taken,      ///< it is somebody else's now
};
/// The descriptor is the socket's. What is read of the connection, and not taken, is left in the text.
using Divert = std::function<boost::asio::awaitable<Diverted>(net::Socket&, int descriptor, std::string& pending)>;

/// While what is returned lives.  Threading: any.
std::shared_ptr<void> divert_tls_port(std::uint16_t port, Divert divert);
/// Empty for a port that nobody shares.
Divert divert_of_tls_port(std::uint16_t port);

}  // namespace carillon::http
