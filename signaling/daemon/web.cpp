#include "signaling/daemon/web.h"

#include <algorithm>

#include "signaling/http/host_meta.h"

namespace carillon::daemon {

Web::Web(boost::asio::io_context& io, const host::Host& host, stream::StreamServer& streams,
         const config::WebSettings& settings)
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
    // A page of anybody's may open a WebSocket, which cookies never authenticate; who minds lists the origins.
    const auto check = [origins = settings.origins](const http::Request& request) -> std::optional<http::Response> {
        const auto origin = request.field("origin");
        if (origins.empty() || origin.empty() || std::ranges::find(origins, origin) != origins.end()) return {};
        return http::plain(403, "Pages of this origin may not connect here.\n");
    };
    server_.add_upgrade(settings.websocket_path,
                        {.protocol = "xmpp", .check = check, .take = [&streams](http::Upgraded upgraded) {
                             streams.adopt(std::move(upgraded));
                         }});
    http::add_host_meta(routes_, {.public_url = settings.public_url, .websocket_path = settings.websocket_path});
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
