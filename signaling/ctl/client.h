/// One request over the admin socket, waited for.
/// Spec: docs/admin-protocol.md.
#pragma once
#include <expected>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace carillon::ctl {

/// Exit codes of carillonctl, documented in its --help.
enum class Exit { ok = 0, refused = 1, usage = 2, unreachable = 3 };

struct Failure {
    Exit exit;
    std::string code;  ///< of the protocol, or "unreachable"
    std::string text;  ///< what is wrong and what to do
};

/// Waits at most 130 s, a little longer than the server allows a command.
std::expected<boost::json::value, Failure> request(const std::string& socket, const std::string& command,
                                                   const boost::json::object& arguments);

}  // namespace carillon::ctl
