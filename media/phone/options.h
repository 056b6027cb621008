/// The command line of carillon-phone.
/// Not here: doing what it says (commands.h).
#pragma once
#include <string>
#include <variant>

#include "media/phone/account.h"
#include "media/phone/call.h"

namespace carillon::phone {

enum class Command { register_account, login, call, answer, compare };

struct ProgramOptions {
    Command command = Command::login;
    AccountOptions account;
    CallOptions call;
    std::string peer;         ///< call
    unsigned count = 0;       ///< answer: that many calls, 0 until interrupted
    double idle_seconds = 0;  ///< answer: give up when no call came for so long, 0 never
    std::string sent;         ///< compare
    std::string received;     ///< compare
    double least = 0.9;       ///< compare
    bool json = false;
};

/// The options, or the exit status when there is nothing to do (--help) or something is wrong; that is printed already.
std::variant<ProgramOptions, int> parse_options(int argc, char** argv);

}  // namespace carillon::phone
