/// What a load balancer says before a connection's own octets: who is at its other end.
/// Spec: the PROXY protocol, versions 1 (§2.1) and 2 (§2.2), as HAProxy's proxy-protocol.txt has it.
/// Not here: whom to believe (listener.h).
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace carillon::net {

struct ProxyHeader {
    std::size_t size = 0;  ///< octets of the header
    std::optional<boost::asio::ip::address>
        source;  ///< nothing: the connection is the balancer's own, or of no kind we know

    static constexpr std::size_t kLongest = 16 + 4096;  ///< of version 2 with its extensions, as far as we bear them

    /// Nothing: more octets are needed, all of which are the header's. An error: this is no such header.
    static std::expected<std::optional<ProxyHeader>, std::string_view> parse(std::string_view octets);
};

/// Addresses and networks: "192.0.2.7", "2001:db8::/32".
/// Threading: a value.
class AddressList {
  public:
    AddressList() = default;
    /// The error is the text that is no address or network.
    static std::expected<AddressList, std::string> parse(const std::vector<std::string>& texts);
    bool contains(const boost::asio::ip::address& address) const;
    bool empty() const { return networks_.empty(); }

  private:
    struct Network {
        std::vector<unsigned char> octets;
        unsigned bits;
    };
    std::vector<Network> networks_;
};

}  // namespace carillon::net
