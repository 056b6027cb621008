/// The XMPP addresses that a certificate was made out to.
/// Spec: RFC 6120 §13.7.1.4 (id-on-xmppAddr).
/// Not here: whether it is to be believed (Socket::client_addresses()).
#pragma once
#include <string>
#include <vector>

struct x509_st;

namespace carillon::net {

std::vector<std::string> xmpp_addresses(x509_st& certificate);

}  // namespace carillon::net
