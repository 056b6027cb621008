/// Base64 as SASL uses it: strict, without white space.
/// Spec: RFC 4648 §4, RFC 6120 §6.4.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace carillon::auth {

std::string base64_encode(std::string_view bytes);
/// nullopt for anything that is not canonical base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace carillon::auth
