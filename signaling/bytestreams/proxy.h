/// The mediator of bytestreams: two clients connect with the same name, one of them activates it by XMPP, and octets
/// pass from each to the other.
/// Spec: XEP-0065 1.8.2 §6 (mediated connections), §7.2 (SOCKS5).
/// Not here: who may activate (modules/bytestreams), the octets of SOCKS5 (socks5.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace carillon::bytestreams {

struct ProxyLimits {
    std::size_t connections = 1000;
    std::size_t connections_per_address = 50;
    double rate = 0;                                ///< octets a second of one stream, both ways together; 0: any
    std::chrono::milliseconds handshake{15'000};    ///< to say the name
    std::chrono::milliseconds activation{120'000};  ///< from the name to the activation
    std::chrono::milliseconds idle{600'000};        ///< without an octet either way
};

/// How an activation ended.
enum class Activation : std::uint8_t {
    active,
    not_connected,  ///< not both ends are here
    taken,          ///< it is active already
};

/// Threading: the io_context's thread; activate() from any.
/// Owns: the connections.
class Proxy {
  public:
    explicit Proxy(boost::asio::io_context& io, ProxyLimits limits = {});
    ~Proxy();
    /// Answers the port, which matters when `port` is 0.
    std::expected<std::uint16_t, std::string> listen(std::string_view address, std::uint16_t port);
    /// Where it listens; 0: nowhere.
    std::uint16_t port() const;
    /// `done` is called on the io_context's thread. `name` is that of §7.2.4, in lower case.
    void activate(std::string name, std::function<void(Activation)> done);
    void stop();

    struct Figures {
        std::uint64_t streams = 0;  ///< activated so far
        std::uint64_t octets = 0;   ///< passed so far
        std::uint64_t open = 0;     ///< connections now
    };
    Figures figures() const;  ///< any thread

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::bytestreams
