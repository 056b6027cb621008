#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

void add_item(xml::Element& x, Affiliation affiliation, Role role, const xmpp::Jid* jid, const ItemText& text) {
    auto& item = x.add("item").set("affiliation", name_of(affiliation)).set("role", name_of(role));
    if (jid && !jid->empty()) item.set("jid", jid->str());
    if (!text.nick.empty()) item.set("nick", text.nick);
    if (!text.actor.empty()) item.add("actor").set("nick", text.actor);
    if (!text.reason.empty()) item.add("reason").add_text(text.reason);
}

void add_status(xml::Element& x, std::span<const int> codes) {
    for (const int code : codes) x.add("status").set("code", std::to_string(code));
}

void add_occupant_id(xml::Element& stanza, std::string_view id) {
    stanza.add("occupant-id", kOccupantId).set("id", id);
}

void add_delay(xml::Element& stanza, const xmpp::Jid& from, std::string_view stamp) {
    stanza.add("delay", kDelay).set("from", from.str()).set("stamp", stamp);
}

void add_stanza_id(xml::Element& message, const xmpp::Jid& by, std::string_view id) {
    message.add("stanza-id", kStanzaId).set("by", by.str()).set("id", id);
}

}  // namespace carillon::modules::rooms
