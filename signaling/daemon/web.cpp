#include "signaling/daemon/web.h"

namespace carillon::daemon {

Web::Web(boost::asio::io_context& io, const host::Host& host, const stream::StreamServer& streams)
    : server_{io, routes_} {
    metrics_.add_source([&host, &streams](const metrics::Registry::Sink& sink) {
        for (const auto& [name, value] : host.counters()) sink("carillon_" + name, static_cast<double>(value));
        for (const auto& [name, value] : streams.counters()) sink("carillon_" + name, static_cast<double>(value));
    });
    http::add_builtin_routes(routes_, metrics_, [&host, &streams] {
        std::vector<std::pair<std::string, std::string>> facts{{"version", CARILLON_VERSION}};
        for (const auto& [domain, any] : host.environment().hosts.front()) facts.emplace_back("domain", domain);
        facts.emplace_back("sessions", std::to_string(host.counters().at("session.sessions")));
        facts.emplace_back("connections", std::to_string(streams.open_connections()));
        return facts;
    });
}

std::expected<void, std::string> Web::listen(const config::NetworkSettings& network, const net::TlsContext& tls) {
    for (const auto& address : network.bind) {
        if (network.http_port != 0) {
            if (auto open = server_.listen(address, network.http_port); !open) return std::unexpected{open.error()};
        }
        if (network.https_port != 0) {
            auto open = server_.listen(address, network.https_port, [&tls] { return tls.current(); });
            if (!open) return std::unexpected{open.error()};
        }
    }
    return {};
}

}  // namespace carillon::daemon
