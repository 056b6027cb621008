/// The page behind an invitation's link: who invites, what to do, the xmpp: link to press and to scan.
/// Spec: XEP-0379 0.3.3 §3.3, XEP-0401 0.6.0 §4.2 (landing page).
/// Not here: what the link lets somebody do (modules/registration).
#pragma once
#include <string>

#include "config/base/clock.h"
#include "signaling/http/routes.h"
#include "signaling/storage/storage.h"

namespace carillon::daemon {

/// GET /invite?TOKEN. The page holds no script and loads nothing from elsewhere.
void add_invite_page(http::Routes& routes, storage::Storage& storage, const Clock& clock);

/// The page of a living invitation.
std::string invite_html(const storage::Invite& invite);
/// A QR code as an <svg/> element; empty when the text does not fit one.
std::string qr_svg(const std::string& text);

}  // namespace carillon::daemon
