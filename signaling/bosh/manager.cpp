#include "signaling/bosh/manager.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace carillon::bosh {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

/// §7: unpredictable, for whoever knows it speaks for the client.
std::string make_sid() {
    std::array<unsigned char, 20> random{};
    RAND_bytes(random.data(), random.size());
    std::string out;
    for (const auto octet : random) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        out += kDigits[octet >> 4];
        out += kDigits[octet & 15];
    }
    return out;
}

http::Response xml_response(std::string text) {
    http::Response out;
    out.type = kContentType;
    out.body = std::move(text);
    return out;
}

}  // namespace

Manager::Manager(asio::io_context& io, Options options, Open open)
    : io_{io}, options_{std::move(options)}, open_{std::move(open)} {}

Manager::~Manager() { stop(); }

void Manager::add_to(http::Routes& routes) {
    routes.add("POST", options_.path, [this](const http::Request& request) -> awaitable<http::Response> {
        if (!allowed(request)) co_return http::plain(403, "Pages of this origin may not connect here.\n");
        auto response = co_await serve(request);
        allow_origin(request, response);
        co_return response;
    });
    routes.add("OPTIONS", options_.path, [this](const http::Request& request) -> awaitable<http::Response> {
        auto response = http::plain(allowed(request) ? 200 : 403, {});
        allow_origin(request, response);
        response.headers.emplace_back("Access-Control-Allow-Methods", "POST, OPTIONS");
        response.headers.emplace_back("Access-Control-Allow-Headers", "Content-Type");
        response.headers.emplace_back("Access-Control-Max-Age", "7200");
        co_return response;
    });
    routes.add("GET", options_.path, [](const http::Request&) -> awaitable<http::Response> {
        co_return http::plain(200, "XMPP clients connect here by BOSH (XEP-0124).\n");
    });
    routes.set_body_limit(options_.path, options_.body.octets);
}

bool Manager::allowed(const http::Request& request) const {
    const auto origin = request.field("origin");
    return options_.origins.empty() || origin.empty() ||
           std::ranges::find(options_.origins, origin) != options_.origins.end();
}

void Manager::allow_origin(const http::Request& request, http::Response& response) const {
    const auto origin = request.field("origin");
    if (options_.origins.empty()) {
        response.headers.emplace_back("Access-Control-Allow-Origin", "*");
    } else if (!origin.empty() && allowed(request)) {
        response.headers.emplace_back("Access-Control-Allow-Origin", std::string{origin});
        response.headers.emplace_back("Vary", "Origin");
    }
}

awaitable<http::Response> Manager::serve(const http::Request& request) {
    auto body = parse_body(request.body, options_.body);
    if (!body) co_return xml_response(terminate_text(body.error()));
    if (!body->rid) co_return xml_response(terminate_text("bad-request"));
    std::string text;
    if (body->sid.empty()) {
        std::string_view condition = "bad-request";
        const auto session = begin(*body, request, condition);
        if (!session) co_return xml_response(terminate_text(condition));
        text = co_await session->create(std::move(*body), request.connection);
    } else {
        const auto at = sessions_.find(body->sid);
        // What began where nobody listens does not go on in the open.
        if (at == sessions_.end() || (at->second->encrypted() && !request.secure())) {
            co_return xml_response(terminate_text("item-not-found"));
        }
        const auto session = at->second;
        text = co_await session->request(std::move(*body), request.connection);
    }
    co_return xml_response(std::move(text));
}

std::shared_ptr<Session> Manager::begin(const Body& body, const http::Request& request, std::string_view& condition) {
    if (body.to.empty()) {
        condition = "improper-addressing";
        return nullptr;
    }
    auto stream = open_(request.peer, request.secure());
    if (!stream) {
        condition = "policy-violation";
        return nullptr;
    }
    auto sid = make_sid();
    auto session = std::make_shared<Session>(io_, std::move(*stream), sid, terms_for(body),
                                             [this](const std::string& over) { sessions_.erase(over); });
    return sessions_.emplace(std::move(sid), std::move(session)).first->second;
}

/// §7.2: what the client wants, within what we allow.
Terms Manager::terms_for(const Body& body) const {
    Terms terms;
    const auto most = static_cast<std::uint64_t>(options_.wait.count());
    terms.wait = std::chrono::seconds{std::min(body.wait.value_or(most), most)};
    terms.hold = std::min(body.hold.value_or(1), options_.hold);
    terms.requests = terms.hold + 1;
    terms.inactivity = options_.inactivity;
    terms.polling = options_.polling;
    terms.maxpause = options_.maxpause;
    return terms;
}

void Manager::stop() {
    const auto all = sessions_;
    for (const auto& [sid, session] : all) session->stop();
}

}  // namespace carillon::bosh
