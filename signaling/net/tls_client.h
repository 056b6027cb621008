/// Whom a certificate speaks for.
/// Spec: RFC 6120 §13.7.1.2, RFC 6125 §6.4.
#pragma once
#include <string_view>

struct x509_st;

namespace carillon::net {

/// Whether the certificate names `domain` as dNSName (left-most wildcard allowed) id-on-xmppAddr, or id-on-dnsSRV
/// for _xmpp-server. An internationalised domain is compared in its ASCII form with dNSName.
bool certificate_names(x509_st& certificate, std::string_view domain);

}  // namespace carillon::net
