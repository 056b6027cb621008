/// The commands of the admin socket: other parts of the server add theirs.
/// The wire form and each command's arguments and result: docs/admin-protocol.md.
/// Not here: sockets (server.h), the command line (signaling/ctl).
#pragma once
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/json/fwd.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace carillon::admin {

/// Codes: bad_arguments, not_found, conflict, unavailable, failed, unknown_command, bad_request, too_large.
struct Error {
    std::string code;
    std::string text;  ///< for people: what is wrong and what to do
};

using Reply = std::expected<boost::json::value, Error>;
/// An error as a Reply. Use it in coroutines: g++ 12 destroys an Error written in braces after co_return twice.
inline Reply refuse(std::string_view code, std::string_view text) {
    return std::unexpected{Error{std::string{code}, std::string{text}}};
}
/// The arguments live until the coroutine ends.
using Handler = std::function<boost::asio::awaitable<Reply>(const boost::json::object& arguments)>;

/// Threading: filled before the server starts; after that read by its thread alone.
class Registry {
  public:
    /// Two owners of one name are a programming error: throws std::logic_error. `help` is one line.
    void add(std::string name, std::string help, Handler handler);
    /// An exception becomes the error "failed".
    boost::asio::awaitable<Reply> run(std::string_view name, const boost::json::object& arguments) const;

  private:
    struct Command {
        std::string help;
        Handler handler;
    };
    boost::json::value help() const;

    std::map<std::string, Command, std::less<>> commands_;
};

/// The text argument `key`, or bad_arguments saying that it is missing.
std::expected<std::string, Error> text_argument(const boost::json::object& arguments, std::string_view key);
/// The whole number `key` from `low` to `high`; `fallback` when it is missing.
std::expected<std::int64_t, Error> number_argument(const boost::json::object& arguments, std::string_view key,
                                                   std::int64_t low, std::int64_t high, std::int64_t fallback);

}  // namespace carillon::admin
