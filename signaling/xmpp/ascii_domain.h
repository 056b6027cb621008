/// The form of a domain that the DNS, certificates and TLS know it by.
/// Spec: RFC 5891 §4 (IDNA2008), RFC 6120 §13.7.1.2.1.
#pragma once
#include <string>
#include <string_view>

namespace carillon::xmpp {

/// A domain of ASCII alone, or that has no such form, comes back as it is.
std::string ascii_domain(std::string_view domain);

}  // namespace carillon::xmpp
