/// The two ways in which XMPP writes a SASL exchange: the profile of RFC 6120, and the extensible one.
/// Spec: RFC 6120 §6.4, XEP-0388 1.0.4 §2.
/// Not here: what an <authenticate/> asks for besides (sasl2_login.h), the mechanisms (auth/).
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::stream {

inline constexpr std::string_view kSasl2 = "urn:xmpp:sasl:2";

enum class SaslProfile : std::uint8_t { rfc6120, sasl2 };

std::string_view namespace_of(SaslProfile profile);
/// Data of an element, nothing where it has none; or the condition of the failure.
using SaslData = std::expected<std::optional<std::string>, std::string_view>;
/// Of an <auth/> or <authenticate/>.
SaslData initial_response(SaslProfile profile, const xml::Element& request);
/// Of a <response/>: no text is no data, and so is data of length zero.
SaslData response_data(SaslProfile profile, const xml::Element& response);

std::string challenge_text(SaslProfile profile, std::string_view data);
/// `condition`: one of RFC 6120 §6.5.
std::string failure_text(SaslProfile profile, std::string_view condition, std::string_view text = {});
/// Of RFC 6120; the other one holds more (sasl2_login.h).
std::string success_text(std::string_view data);

}  // namespace carillon::stream
