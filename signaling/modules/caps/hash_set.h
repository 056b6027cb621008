/// The capability hashes of the second generation.
/// Spec: XEP-0390 0.3.2 §4.1 (input), §4.3 (hash nodes), XEP-0300 (names of hash functions).
/// Not here: sending them (caps.cpp), the first generation (verification.h).
#pragma once
#include <optional>
#include <string>

#include "signaling/xml/element.h"

namespace carillon::modules {

inline constexpr std::string_view kHashes = "urn:xmpp:hashes:2";
inline constexpr std::string_view kHashSet = "urn:xmpp:caps";

/// The SHA-256 of a disco#info answer, in base64; nullopt when the answer is one that the algorithm refuses.
std::optional<std::string> caps_hash(const xml::Element& disco_info);
/// The <c/> that announces it, and the disco node under which the same answer is found.
xml::Element hash_set(std::string_view sha256);
std::string hash_node(std::string_view sha256);

}  // namespace carillon::modules
