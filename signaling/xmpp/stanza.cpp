#include "signaling/xmpp/stanza.h"

#include <optional>
#include <utility>

namespace carillon::xmpp {
namespace {

std::optional<StanzaKind> kind_of(const xml::Element& element) {
    if (element.name() == "message") return StanzaKind::message;
    if (element.name() == "presence") return StanzaKind::presence;
    if (element.name() == "iq") return StanzaKind::iq;
    return std::nullopt;
}

xml::Element make(std::string_view name, std::string_view type) {
    xml::Element element{name, "jabber:client"};
    if (!type.empty()) element.set("type", type);
    return element;
}

void put(xml::Element& element, std::string_view name, const Jid& jid) {
    if (jid.empty()) {
        element.remove_attribute(name);
    } else {
        element.set(name, jid.str());
    }
}

}  // namespace

std::expected<Stanza, StanzaError> Stanza::parse(xml::Element element) {
    const auto kind = kind_of(element);
    if (!kind) return std::unexpected{StanzaError::bad_request()};
    Jid from;
    Jid to;
    for (auto [name, jid] : {std::pair{"from", &from}, std::pair{"to", &to}}) {
        if (!element.has_attribute(name)) continue;
        auto parsed = Jid::parse(element.attribute(name));
        if (!parsed) return std::unexpected{StanzaError::jid_malformed()};
        *jid = std::move(*parsed);
    }
    Stanza stanza{*kind, std::move(element)};
    stanza.from_ = std::move(from);
    stanza.to_ = std::move(to);
    return stanza;
}

Stanza Stanza::message(const Jid& from, const Jid& to, std::string_view type) {
    Stanza stanza{StanzaKind::message, make("message", type)};
    stanza.set_from(from);
    stanza.set_to(to);
    return stanza;
}

Stanza Stanza::presence(const Jid& from, const Jid& to, std::string_view type) {
    Stanza stanza{StanzaKind::presence, make("presence", type)};
    stanza.set_from(from);
    stanza.set_to(to);
    return stanza;
}

Stanza Stanza::iq(std::string_view type, std::string_view id, const Jid& from, const Jid& to) {
    Stanza stanza{StanzaKind::iq, make("iq", type)};
    stanza.element_.set("id", id);
    stanza.set_from(from);
    stanza.set_to(to);
    return stanza;
}

Stanza Stanza::result_of(const Stanza& request) { return iq("result", request.id(), request.to(), request.from()); }

void Stanza::set_from(Jid from) {
    put(element_, "from", from);
    from_ = std::move(from);
}

void Stanza::set_to(Jid to) {
    put(element_, "to", to);
    to_ = std::move(to);
}

}  // namespace carillon::xmpp
