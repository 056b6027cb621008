/// The message that brings a recording: words, a link that any client can follow, and what programs want to know.
/// Spec: XEP-0066 §3, XEP-0447 0.3 §3, XEP-0446 0.2 (media type, size, length, hash), XEP-0428, XEP-0334, XEP-0333.
/// Not here: routing and storing it (office.h).
#pragma once
#include <string>
#include <string_view>

#include "signaling/calls/voicemail/box.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::calls {

inline constexpr std::string_view kVoicemailForm = "urn:carillon:voicemail";
inline constexpr std::string_view kVoicemailType = "audio/ogg";

/// A field of a form with one value.
xml::Element& add_field(xml::Element& form, std::string_view var, std::string_view value);

/// `number` and `unheard` as the box is with it in; `url` is the link.
xmpp::Stanza make_notice(const xmpp::Jid& from, const xmpp::Jid& to, const VoicemailMessage& message,
                         std::string_view url, std::size_t number, const VoicemailBox& box);

/// "voicemail-romeo-20260102-0304.opus".
std::string file_name(const VoicemailMessage& message);

}  // namespace carillon::calls
