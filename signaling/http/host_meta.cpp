#include "signaling/http/host_meta.h"

#include <algorithm>

namespace carillon::http {

namespace {

using boost::asio::awaitable;

struct Link {
    std::string_view relation;
    std::string url;
};

/// A name and a port: whatever else a request calls its host is not repeated to anybody.
bool is_authority(std::string_view host) {
    return !host.empty() && host.size() < 262 &&
           std::ranges::all_of(
               host,
               [](unsigned char c) {
                   return std::isalnum(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
               });
}

std::vector<Link> links_for(const HostMeta& meta, const Request& request) {
    std::string base = meta.public_url;
    while (base.ends_with('/')) base.pop_back();
    if (base.empty()) {
        const auto host = request.field("host");
        if (!is_authority(host)) return {};
        const bool secure = request.encrypted || request.field("x-forwarded-proto") == "https";
        base = (secure ? "https://" : "http://") + std::string{host};
    }
    std::vector<Link> links;
    if (!meta.websocket_path.empty()) {  // http becomes ws, https wss
        links.push_back({"urn:xmpp:alt-connections:websocket", "ws" + base.substr(4) + meta.websocket_path});
    }
    if (!meta.bosh_path.empty()) links.push_back({"urn:xmpp:alt-connections:xbosh", base + meta.bosh_path});
    return links;
}

Response readable_by_all(std::string type, std::string body) {
    Response out;
    out.type = std::move(type);
    out.body = std::move(body);
    out.headers.emplace_back("Access-Control-Allow-Origin", "*");
    return out;
}

Response xrd(const std::vector<Link>& links) {
    std::string body =
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n";
    for (const auto& link : links) {
        body += "  <Link rel='" + std::string{link.relation} + "' href='" + link.url + "'/>\n";
    }
    return readable_by_all("application/xrd+xml", body + "</XRD>\n");
}

Response json(const std::vector<Link>& links) {
    std::string body = "{\"links\":[";
    for (const auto& link : links) {
        if (&link != &links.front()) body += ',';
        body += "{\"rel\":\"" + std::string{link.relation} + "\",\"href\":\"" + link.url + "\"}";
    }
    return readable_by_all("application/json", body + "]}\n");
}

}  // namespace

void add_host_meta(Routes& routes, HostMeta meta) {
    routes.add("GET", "/.well-known/host-meta",
               [meta](const Request& request) -> awaitable<Response> { co_return xrd(links_for(meta, request)); });
    routes.add("GET", "/.well-known/host-meta.json",
               [meta](const Request& request) -> awaitable<Response> { co_return json(links_for(meta, request)); });
}

}  // namespace carillon::http
