/// Where the servers of a domain listen.
/// Spec: RFC 6120 §3.2, RFC 2782 (SRV), XEP-0368 (direct TLS).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace carillon::federation {

struct Service {
    std::string host;
    std::uint16_t port = 0;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    bool direct_tls = false;
};

struct Target {
    boost::asio::ip::tcp::endpoint endpoint;
    bool direct_tls = false;
};

/// RFC 2782: by priority, and within one in an order that chance makes by weight.
void order_services(std::vector<Service>& services, std::mt19937& chance);
/// "host:port", "[v6]:port", with "tls://" before it for direct TLS; the port may be left out.
Service parse_target(std::string_view text);

struct LookedUp {
    std::vector<Target> targets;  ///< empty: the domain has no server
    bool unanswered = false;      ///< or the DNS did not say
};
/// Looks `domain` up, which blocks for some seconds at most.
/// A static target comes before everything; "." as the only SRV target means that there is none.
LookedUp look_up(const std::string& domain, const std::map<std::string, std::string, std::less<>>& fixed);

}  // namespace carillon::federation
