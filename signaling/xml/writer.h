/// Elements to text, as it goes into a stream or a database.
/// Spec: RFC 6120 §4.8.3 (content namespace), XML 1.0 §2.4 (escaping).
#pragma once
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::xml {

/// Appends `element` to `out`. `context_ns` is the default namespace in force there (jabber:client within a client's
/// stream): it is not declared again.  Characters that XML 1.0 forbids are left out.
void write(std::string& out, const Element& element, std::string_view context_ns = "jabber:client");
std::string to_string(const Element& element, std::string_view context_ns = "jabber:client");

/// As to_string(), but standing alone: every namespace is declared.
std::string to_document(const Element& element);

void append_escaped(std::string& out, std::string_view text);

}  // namespace carillon::xml
