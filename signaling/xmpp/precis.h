/// Preparation of names and other texts, by what Unicode says of each character.
/// Spec: RFC 8264 (PRECIS classes), RFC 8265 §3.3 (UsernameCaseMapped), §4.2 (OpaqueString), RFC 5892 appendix A (rules
/// in context), RFC 5893 §2 (right to left). Not here: which profile a part of an address has (jid.h).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::xmpp {

/// RFC 8264 §8.
enum class PrecisProperty : std::uint8_t { pvalid, id_dis, contextj, contexto, disallowed, unassigned };
PrecisProperty precis_property(char32_t c);

/// RFC 8265 §3.3: width mapped, in lower case, composed. Nothing: it is no name.
std::optional<std::string> username_case_mapped(std::string_view text);
/// RFC 8265 §4.2: composed, every space a plain one. Nothing: it holds what no text may.
std::optional<std::string> opaque_string(std::string_view text);

}  // namespace carillon::xmpp
