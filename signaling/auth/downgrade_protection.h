/// A hash of what the server offered, inside what SCRAM signs: a client sees by it whether somebody took away from the
/// offer.
/// Spec: XEP-0474 0.5.0 §5.1.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace carillon::auth {

/// The value of the attribute 'h' of the server-first-message. `hash`: the mechanism's, SHA-1 or SHA-256.
std::string offer_hash(std::string_view mechanism, std::vector<std::string> mechanisms,
                       std::vector<std::string> binding_types);

}  // namespace carillon::auth
