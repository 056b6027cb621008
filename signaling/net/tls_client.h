/// Whom a certificate speaks for.
/// Spec: RFC 6120 §13.7.1.2, RFC 6125 §6.4.
#pragma once
#include <string_view>

struct x509_st;

namespace carillon::net {

/// Whether the certificate names `domain` as dNSName (left-most wildcard allowed) or id-on-xmppAddr.
bool certificate_names(x509_st& certificate, std::string_view domain);

}  // namespace carillon::net
