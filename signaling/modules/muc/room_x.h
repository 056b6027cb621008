/// The <x/> of the muc#user namespace, and what else a room adds to stanzas.
/// Spec: XEP-0045 1.35.1 §15 (status codes), XEP-0421 1.0.1 §4.
#pragma once
#include <optional>
#include <span>

#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/privileges.h"
#include "signaling/xml/element.h"
#include "signaling/xmpp/jid.h"

namespace carillon::modules::rooms {

struct ItemText {
    std::string_view nick{};
    std::string_view actor{};
    std::string_view reason{};
};

/// `jid` may be null.
void add_item(xml::Element& x, Affiliation affiliation, Role role, const xmpp::Jid* jid, const ItemText& text = {});
void add_status(xml::Element& x, std::span<const int> codes);
void add_occupant_id(xml::Element& stanza, std::string_view id);
void add_delay(xml::Element& stanza, const xmpp::Jid& from, std::string_view stamp);

/// Names a message that was said in the room (XEP-0359).
void add_stanza_id(xml::Element& message, const xmpp::Jid& by, std::string_view id);

}  // namespace carillon::modules::rooms
