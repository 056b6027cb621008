/// Jingle elements that the server itself sends in the name of a side.
/// Spec: XEP-0166 §6.7 (termination), §7.2 (transport actions), §7.4 (reasons).
#pragma once
#include <string_view>

#include "signaling/jingle/jingle.h"

namespace carillon::jingle {

xml::Element make_reason(const Reason& reason);
/// A condition that XEP-0166 §7.4 does not know is sent as general-error.
xml::Element make_terminate(std::string_view sid, std::string_view initiator, const Reason& reason);

/// One content with nothing but a transport: transport-info, transport-reject ...
xml::Element make_transport(Action action, std::string_view sid, const Content& content, xml::Element transport);

/// Whether XEP-0166 §7.4 defines that condition.
bool is_standard_reason(std::string_view condition);

}  // namespace carillon::jingle
