/// The elements that tell of a file in a message, for those who make them: names, and what several share.
/// Spec: XEP-0446 (file metadata), XEP-0447 (stateless file sharing), XEP-0103 (URL data), XEP-0300 (hashes), XEP-0066.
#pragma once
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::files {

inline constexpr std::string_view kOob = "jabber:x:oob";
inline constexpr std::string_view kSharing = "urn:xmpp:sfs:0";
inline constexpr std::string_view kMetadata = "urn:xmpp:file:metadata:0";

/// Adds `<hash/>` to a file element; `hash`: SHA-256 in lower-case hexadecimal digits, as the stores have it.
void add_hash(xml::Element& file, std::string_view hash);
/// Adds `<sources/>` with the one address to a file-sharing element.
void add_source(xml::Element& sharing, std::string_view url);

}  // namespace carillon::files
