/// Invitations as people pass them on: tokens, xmpp: links, addresses of the page that explains them.
/// Spec: XEP-0379 0.3.3 §3.2, XEP-0401 0.6.0 §4.1, XEP-0445 0.2.0 §2, RFC 5122 (xmpp: URIs).
#pragma once
#include <string>

#include "signaling/storage/storage.h"

namespace carillon::modules {

/// 130 bits nobody can guess, in letters and digits.
std::string make_invite_token();
/// xmpp:inviter@host?roster;preauth=TOKEN[;ibr=y], or xmpp:[account@]host?register;preauth=TOKEN.
std::string invite_uri(const storage::Invite& invite);
/// The page about it, under the web server's address; empty when there is none.
std::string invite_page(const storage::Invite& invite, const std::string& web);

}  // namespace carillon::modules
