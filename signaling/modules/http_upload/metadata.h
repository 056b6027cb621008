/// Facts about an uploaded file, put into the message that links to it: clients that know them show the file at once.
/// Spec: XEP-0447 0.3.0 (file-sharing), XEP-0446 0.2.0 (metadata), XEP-0300 1.0.0 (hashes), XEP-0066 1.5 (the link).
#pragma once
#include <string_view>

#include "signaling/files/uploads.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::modules::upload {

/// Only to a message whose sender uploaded the file lately, and who says nothing of the kind.
void add_metadata(xmpp::Stanza& message, const files::Uploads& uploads, std::string_view base);

}  // namespace carillon::modules::upload
