/// Text for looking things up: upper and lower case, width, and ways to write an accent make no difference.
/// Spec: Unicode §3.13 (case folding), UAX #15 (NFKC).
#pragma once
#include <string>
#include <string_view>

namespace carillon::xmpp {

std::string folded(std::string_view text);

}  // namespace carillon::xmpp
