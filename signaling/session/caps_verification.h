/// The verification string of entity capabilities.
/// Spec: XEP-0115 1.6.0 §5.
#pragma once
#include <optional>
#include <string>

#include "signaling/xml/element.h"

namespace carillon::session {

/// The ver of a disco#info answer under the hash of that name (sha-1, sha-256); nullopt when the answer is ill-formed
/// (§5.4 items 3.3 to 3.6) or the hash is not known.
std::optional<std::string> caps_verification(const xml::Element& disco_info, std::string_view hash);

}  // namespace carillon::session
