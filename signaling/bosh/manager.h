/// The connection manager: BOSH sessions by their sid, behind one path of the HTTP server.
/// Spec: XEP-0124, XEP-0206; CORS as the Fetch standard §3.2 has it.
/// Not here: one session (session.h), XMPP (the stream at the other end of the pipe).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "signaling/bosh/session.h"
#include "signaling/http/routes.h"

namespace carillon::bosh {

struct Options {
    std::string path = "/http-bind";
    std::vector<std::string> origins;  ///< web pages that may use it; empty: all
    std::chrono::seconds wait{60};     ///< longest that a request may wait
    std::uint64_t hold = 2;            ///< most requests that may wait
    std::chrono::seconds inactivity{60};
    std::chrono::seconds polling{5};
    std::chrono::seconds maxpause{120};
    BodyLimits body;
};

/// Threading: the HTTP server's.
/// Bounded: a session takes one of the places that `open` gives out.
class Manager {
  public:
    /// A new stream for a client at that address; nothing when there are too many. `secure`: nobody can listen.
    using Open = std::function<std::optional<net::PipeEnd>(const std::string& peer, bool secure)>;

    Manager(boost::asio::io_context& io, Options options, Open open);
    ~Manager();
    void add_to(http::Routes& routes);
    std::size_t sessions() const { return sessions_.size(); }
    void stop();

  private:
    boost::asio::awaitable<http::Response> serve(const http::Request& request);
    std::shared_ptr<Session> begin(const Body& body, const http::Request& request, std::string_view& condition);
    Terms terms_for(const Body& body) const;
    bool allowed(const http::Request& request) const;
    void allow_origin(const http::Request& request, http::Response& response) const;

    boost::asio::io_context& io_;
    Options options_;
    Open open_;
    std::unordered_map<std::string, std::shared_ptr<Session>> sessions_;
};

}  // namespace carillon::bosh
