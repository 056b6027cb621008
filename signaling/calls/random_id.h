/// Identifiers that nobody guesses.
#pragma once
#include <string>

namespace carillon::calls {

/// 16 hexadecimal digits from the system's random source.
std::string random_id();

}  // namespace carillon::calls
