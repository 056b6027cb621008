/// The words of carillonctl: from a command line to one request of the admin socket.
/// Not here: sending it (client.h), showing the answer (table.h).
#pragma once
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "config/base/secret.h"
#include "signaling/ctl/client.h"

namespace carillon::ctl {

struct Invocation {
    std::string socket;
    bool json = false;
    std::string command;  ///< "user.add"
    boost::json::object arguments;
};

/// How a password is got when the command line holds none; tests put their own in.
struct PasswordSources {
    std::function<std::expected<Secret, std::string>()> from_stdin;
    std::function<std::expected<Secret, std::string>(const std::string& jid)> from_prompt;
};

/// --help and --version come back as a Failure with Exit::ok and their text.
std::expected<Invocation, Failure> parse(const std::vector<std::string>& words, const PasswordSources& passwords);

}  // namespace carillon::ctl
