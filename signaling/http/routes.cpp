#include "signaling/http/routes.h"

#include <exception>
#include <stdexcept>

#include <boost/asio/ip/address.hpp>

#include "config/base/log.h"
#include "config/base/metrics.h"

namespace carillon::http {
namespace {

using boost::asio::awaitable;

void report(const Request& request, const std::exception& problem) {
    log::error("http handler failed", {{"path", request.path}, {"error", problem.what()}});
}

Response not_allowed(std::string allow) {
    auto out = plain(405, "This page takes " + allow + " only.\n");
    out.headers.emplace_back("Allow", std::move(allow));
    return out;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string page(const std::vector<std::pair<std::string, std::string>>& facts) {
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Carillon</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<style>body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}"
        "td{padding:.2em 1em .2em 0;vertical-align:top}</style></head>\n<body><h1>Carillon</h1>\n<table>\n";
    for (const auto& [name, value] : facts)
        out += "<tr><td>" + escaped(name) + "</td><td>" + escaped(value) + "</td></tr>\n";
    return out + "</table>\n</body></html>\n";
}

bool is_loopback(const std::string& peer) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(peer, error);
    return !error && address.is_loopback();
}

}  // namespace

Response plain(unsigned status, std::string_view text) {
    Response out;
    out.status = status;
    out.body = text;
    return out;
}

void Routes::add(std::string_view method, std::string_view path, Handler handler) {
    if (!paths_[std::string{path}].try_emplace(std::string{method}, std::move(handler)).second)
        throw std::logic_error{"two owners of " + std::string{method} + ' ' + std::string{path}};
}

void Routes::add_tree(std::string prefix, StreamHandler handler) {
    if (!trees_.try_emplace(prefix, std::move(handler)).second)
        throw std::logic_error{"two owners of the tree " + prefix};
}

const StreamHandler* Routes::tree_of(std::string_view path) const {
    for (const auto& [prefix, handler] : trees_) {
        if (path.starts_with(prefix)) return &handler;
    }
    return nullptr;
}

awaitable<Response> Routes::run(const StreamHandler& handler, const Request& request, Body& body) {
    try {
        co_return co_await handler(request, body);
    } catch (const std::exception& problem) {
        report(request, problem);
        co_return plain(500, "Something went wrong here; the server's log tells more.\n");
    }
}

awaitable<Response> Routes::run(const Request& request) const {
    const auto at = paths_.find(request.path);
    if (at == paths_.end()) co_return plain(404, "There is no such page.\n");
    const auto& methods = at->second;
    const auto found = methods.find(request.method == "HEAD" ? "GET" : std::string_view{request.method});
    if (found == methods.end()) {
        std::string allow;
        for (const auto& [method, handler] : methods) {
            allow += (allow.empty() ? "" : ", ") + method;
            if (method == "GET") allow += ", HEAD";
        }
        co_return not_allowed(std::move(allow));
    }
    try {
        co_return co_await found->second(request);
    } catch (const std::exception& problem) {
        report(request, problem);
        co_return plain(500, "Something went wrong here; the server's log tells more.\n");
    }
}

void add_builtin_routes(Routes& routes, const metrics::Registry& metrics,
                        std::function<std::vector<std::pair<std::string, std::string>>()> facts) {
    routes.add("GET", "/", [facts = std::move(facts)](const Request&) -> awaitable<Response> {
        Response out;
        out.type = "text/html; charset=utf-8";
        out.body = page(facts());
        co_return out;
    });
    routes.add("GET", "/health", [](const Request&) -> awaitable<Response> { co_return plain(200, "ok\n"); });
    routes.add("GET", "/metrics", [&metrics](const Request& request) -> awaitable<Response> {
        // Load and habits of the users are nobody's business but the operator's.
        if (!is_loopback(request.peer)) co_return plain(403, "Metrics are given to this machine alone.\n");
        Response out;
        out.type = "text/plain; version=0.0.4; charset=utf-8";
        out.body = metrics.text();
        co_return out;
    });
}

}  // namespace carillon::http
