/// What of a message makes it part of a conversation, with or without a body.
/// Spec: XEP-0313 1.1.3 §6.1.1, XEP-0353 and XEP-0482 (calls), XEP-0184, XEP-0333, XEP-0424, XEP-0444, XEP-0308.
/// Not here: hints, and who wants what archived (modules/archive, modules/muc).
#pragma once
#include "signaling/xml/element.h"

namespace carillon::xmpp {

bool says_something(const xml::Element& child);

/// What a search of the archive looks at: bodies and subject, unless they stand for something encrypted.
std::string searchable_text(const xml::Element& message);

}  // namespace carillon::xmpp
