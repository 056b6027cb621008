/// TURN at the port of HTTPS: what speaks STUN there is handed to the relay worker, descriptor and all.
/// Spec: RFC 7443 (ALPN stun.turn, stun.nat-discovery), RFC 7983 (first octets); docs/turn.md.
/// Not here: the worker's side (relay/control/turn_handover.h).
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "signaling/http/divert.h"
#include "signaling/net/socket.h"

namespace carillon::daemon {

/// What the first octets of a connection say.
enum class FirstOctets {
    undecided,  ///< more are needed
    stun,       ///< STUN in the clear, or a ClientHello that offers to speak it
    tls,        ///< a ClientHello that offers no protocol
    other,
};
FirstOctets judge_first_octets(std::string_view octets);

/// Threading: the io_context's thread.
class TurnShare : public std::enable_shared_from_this<TurnShare> {
  public:
    /// `handover`: the worker's socket.
    TurnShare(boost::asio::io_context& io, std::filesystem::path handover) : io_{io}, handover_{std::move(handover)} {}

    /// Looks at what comes to this port of HTTPS from now on.
    void serve(std::uint16_t port);
    /// Connections handed over so far.
    std::uint64_t taken() const { return taken_; }

  private:
    using Verdict = boost::asio::awaitable<http::Diverted>;
    static Verdict divert(std::shared_ptr<TurnShare> self, net::Socket& socket, int descriptor, std::string& pending);
    Verdict before_tls(const net::Socket& socket, int descriptor);
    /// The client offers no protocol (browsers do not for TURN): what it says first tells. The worker gets the octets
    /// in the clear, through this process.
    Verdict under_tls(net::Socket& socket, int descriptor, std::string& pending);
    http::Diverted hand_over(int descriptor, std::string_view kind, const std::string& ends);

    boost::asio::io_context& io_;
    std::filesystem::path handover_;
    std::uint64_t taken_ = 0;
    std::shared_ptr<void> diversion_;
};

}  // namespace carillon::daemon
