/// How a file of a user's is served so that no browser ever runs it.
/// Spec: RFC 6266 (Content-Disposition), RFC 8187 §3.2 (names beyond ASCII), RFC 9110 §8.3.1 (media types).
#pragma once
#include <string>
#include <string_view>

namespace carillon::files {

/// "type/subtype" in lower case without parameters; "application/octet-stream" when it is none.
std::string clean_media_type(std::string_view text);
/// What the user's type is served as: whatever a browser might run comes as octets.
std::string served_type(std::string_view type);
/// Whether a browser may show it in place: pictures, sound and video of kinds that hold no program.
bool may_be_inline(std::string_view type);
std::string content_disposition(std::string_view type, std::string_view name);
/// Whether `type` fits one of "image/*", "text/plain" and the like.
bool fits_pattern(std::string_view type, std::string_view pattern);

}  // namespace carillon::files
