/// Where a password comes from: a prompt without echo, or a line of standard input.
#pragma once
#include <expected>
#include <string>

#include "config/base/secret.h"

namespace carillon::ctl {

/// The first line of standard input; an error when it is empty.
std::expected<Secret, std::string> password_from_stdin();
/// Asks twice on the terminal; an error when there is none, or the two differ.
std::expected<Secret, std::string> password_from_prompt(const std::string& jid);

}  // namespace carillon::ctl
