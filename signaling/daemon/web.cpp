#include "signaling/daemon/web.h"

#include <algorithm>

#include "signaling/daemon/turn_share.h"
#include "signaling/http/host_meta.h"
#include "signaling/relays/command_lines.h"

namespace carillon::daemon {

namespace {

http::ServerLimits server_limits(const config::Settings& settings) {
    http::ServerLimits limits;
    limits.connections = settings.limits.connections;
    limits.connections_per_address = settings.limits.connections_per_address;
    limits.connection_rate = settings.limits.connection_rate;
    limits.balancers = net::AddressList::parse(settings.network.proxy_protocol).value_or(net::AddressList{});
    return limits;
}

bosh::Options bosh_options(const config::Settings& settings) {
    constexpr std::size_t kAround = 4096;  // the <body/> itself
    bosh::Options options;
    options.path = settings.web.bosh_path;
    options.origins = settings.web.origins;
    options.wait = std::chrono::duration_cast<std::chrono::seconds>(settings.web.bosh_wait);
    options.inactivity = std::chrono::duration_cast<std::chrono::seconds>(settings.web.bosh_inactivity);
    options.body = {settings.limits.stanza_size + kAround, settings.limits.xml_depth, settings.limits.xml_attributes};
    return options;
}

}  // namespace

Web::Web(boost::asio::io_context& io, const host::Host& host, stream::StreamServer& streams,
         const config::Settings& all)
    : server_{io, routes_, server_limits(all)} {
    const auto& settings = all.web;
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
    if (relays::shares_https(all)) {
        const auto turn = std::make_shared<TurnShare>(io, relays::turn_handover(all));
        turn->serve(all.network.https_port);
        metrics_.add_source([turn](const metrics::Registry::Sink& sink) {
            sink("carillon_turn_connections_at_https", static_cast<double>(turn->taken()));
        });
    }
    bosh_ = std::make_unique<bosh::Manager>(io, bosh_options(all), [&streams](const std::string& peer, bool secure) {
        return streams.open_pipe(peer, secure);
    });
    bosh_->add_to(routes_);
    http::add_host_meta(routes_, {.public_url = settings.public_url,
                                  .websocket_path = settings.websocket_path,
                                  .bosh_path = settings.bosh_path});
}

void Web::stop() {
    bosh_->stop();
    server_.stop();
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
