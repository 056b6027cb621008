/// The two ways of writing a vCard, one made from the other.
/// Spec: XEP-0054 1.3 §3 (vcard-temp), XEP-0292 0.12.0 (vCard4), RFC 6351 (its XML).
/// Not here: pictures, which have nodes of their own (photo.h).
#pragma once
#include "signaling/xml/element.h"

namespace carillon::modules::vcards {

inline constexpr std::string_view kTemp = "vcard-temp";
inline constexpr std::string_view kVcard4 = "urn:ietf:params:xml:ns:vcard-4.0";

/// What of `temp` has a place in vCard4.
xml::Element to_vcard4(const xml::Element& temp);
/// `temp` with what `vcard4` says in place of all that has a place there; the rest stays.
xml::Element merge_vcard4(xml::Element temp, const xml::Element& vcard4);

}  // namespace carillon::modules::vcards
