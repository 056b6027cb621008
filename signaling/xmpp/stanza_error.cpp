#include "signaling/xmpp/stanza_error.h"

namespace carillon::xmpp {

xml::Element to_element(const StanzaError& error, std::string_view ns) {
    constexpr std::string_view kStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
    xml::Element element{"error", ns};
    element.set("type", error.type);
    element.add(error.condition, kStanzas);
    if (!error.text.empty()) element.add("text", kStanzas).set("xml:lang", "en").add_text(error.text);
    if (error.extra) element.append(*error.extra);
    return element;
}

std::optional<xml::Element> error_reply(const xml::Element& stanza, const StanzaError& error) {
    const auto type = stanza.attribute("type");
    if (type == "error" || (stanza.name() == "iq" && type == "result")) return std::nullopt;
    xml::Element reply{stanza.name(), stanza.ns()};
    reply.set("type", "error");
    if (stanza.has_attribute("id")) reply.set("id", stanza.attribute("id"));
    if (stanza.has_attribute("to")) reply.set("from", stanza.attribute("to"));
    if (stanza.has_attribute("from")) reply.set("to", stanza.attribute("from"));
    reply.append(to_element(error, stanza.ns()));
    return reply;
}

}  // namespace carillon::xmpp
