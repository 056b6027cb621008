/// The answer to a presence that the room does not take.
/// Spec: XEP-0045 1.35.1 §7.2.4 to §7.2.10: an error that bears the <x/> of entering, by which clients know it.
#pragma once
#include <optional>

#include "signaling/modules/muc/names.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::modules::rooms {

/// Nothing where the standard forbids an answer.
inline std::optional<xmpp::Stanza> refusal_of(const xmpp::Stanza& presence, const xmpp::StanzaError& error) {
    auto reply = xmpp::error_reply(presence.element(), error);
    if (!reply) return std::nullopt;
    reply->add("x", kMuc);
    auto stanza = xmpp::Stanza::parse(std::move(*reply));
    return stanza ? std::optional{std::move(*stanza)} : std::nullopt;
}

}  // namespace carillon::modules::rooms
