/// What the HTTP server answers: handlers by path and method.
/// Spec: RFC 9110 §9.3.2 (HEAD), §15.5.6 (405).  Not here: connections (server.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

namespace carillon::metrics {
class Registry;
}

namespace carillon::http {

struct Request {
    std::string method;
    std::string path;   ///< as sent, without the query; starts with '/'
    std::string query;  ///< after the '?'
    std::string body;
    std::string peer;  ///< address without port
    bool encrypted = false;
    bool local = false;            ///< it came over the loopback interface, where nobody listens
    std::uint64_t connection = 0;  ///< which one it came by; never 0 for a server's
    std::map<std::string, std::string, std::less<>>
        fields;  ///< by lower-case name; of several the values joined by ", "

    /// Nobody could listen on the way to us.
    bool secure() const { return encrypted || local; }
    /// The value of a field by its lower-case name; empty when it is absent.
    std::string_view field(std::string_view name) const {
        const auto at = fields.find(name);
        return at == fields.end() ? std::string_view{} : std::string_view{at->second};
    }
};

/// What a large answer is read from, piece by piece.
class Source {
  public:
    virtual ~Source() = default;
    virtual std::uint64_t length() const = 0;
    /// The next octets; 0 before `length` have come: it has failed, and the connection is cut.
    virtual boost::asio::awaitable<std::size_t> read(std::span<char> into) = 0;
};

struct Response {
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  ///< further ones, or in place of the server's own
    std::shared_ptr<Source> source;                            ///< instead of `body`
};

/// The body of a request that is not held in memory.
class Body {
  public:
    virtual ~Body() = default;
    /// As declared; a request without Content-Length that has one all the same is refused with 411 before.
    virtual std::uint64_t length() const = 0;
    /// Fills `into` unless the body ends before. Nothing: the peer has gone or is too slow.
    virtual boost::asio::awaitable<std::optional<std::size_t>> read(std::span<char> into) = 0;
};

/// A short plain answer. (In coroutines better than braces after co_return, which g++ 12 gets wrong.)
Response plain(unsigned status, std::string_view text);

/// The request lives until the coroutine ends.
using Handler = std::function<boost::asio::awaitable<Response>(const Request& request)>;

/// As Handler, but reads the body itself; what it leaves unread ends the connection.
using StreamHandler = std::function<boost::asio::awaitable<Response>(const Request& request, Body& body)>;

/// Threading: filled before the server starts; after that read by its thread alone.
class Routes {
  public:
    /// Exact paths. GET answers HEAD too. Two owners of one path and method: std::logic_error.
    void add(std::string_view method, std::string_view path, Handler handler);
    /// How many octets a request's body may have there, when other than the server's limit.
    void set_body_limit(std::string_view path, std::size_t octets) { body_limits_[std::string{path}] = octets; }
    std::size_t body_limit(std::string_view path, std::size_t otherwise) const {
        const auto at = body_limits_.find(path);
        return at == body_limits_.end() ? otherwise : at->second;
    }
    /// All paths that begin with `prefix`, with any method. Two owners of one prefix: std::logic_error.
    void add_tree(std::string prefix, StreamHandler handler);
    const StreamHandler* tree_of(std::string_view path) const;
    /// 500 when the handler throws.
    static boost::asio::awaitable<Response> run(const StreamHandler& handler, const Request& request, Body& body);
    /// 404, or 405 with Allow, when nobody owns it; 500 when the handler throws.
    boost::asio::awaitable<Response> run(const Request& request) const;

  private:
    using Methods = std::map<std::string, Handler, std::less<>>;
    std::map<std::string, Methods, std::less<>> paths_;
    std::map<std::string, std::size_t, std::less<>> body_limits_;
    std::map<std::string, StreamHandler, std::less<>> trees_;
};

/// `/` a status page with `facts` (name and value, no secrets), `/health`, and `/metrics` for loopback alone.
void add_builtin_routes(Routes& routes, const metrics::Registry& metrics,
                        std::function<std::vector<std::pair<std::string, std::string>>()> facts);

}  // namespace carillon::http
