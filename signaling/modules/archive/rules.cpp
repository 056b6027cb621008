#include "signaling/modules/archive/rules.h"

#include "signaling/xmpp/conversation.h"

namespace carillon::modules {
namespace {

constexpr std::string_view kHints = "urn:xmpp:hints";

}  // namespace

bool worth_archiving(const xmpp::Stanza& message) {
    const auto type = message.type();
    if (type == "error" || type == "groupchat" || type == "headline") return false;
    bool found = false;
    for (const auto& node : message.element().nodes()) {
        const auto* child = std::get_if<xml::Element>(&node);
        if (!child) continue;
        if (child->ns() == kHints) {
            if (child->name() == "no-store" || child->name() == "no-permanent-store") return false;
            found = found || child->name() == "store";
        } else {
            found = found || xmpp::says_something(*child);
        }
    }
    return found;
}

void strip_stanza_ids(xml::Element& message, const xmpp::Jid& owner) {
    message.remove_children_if([&](const xml::Element& child) {
        if (!child.is("stanza-id", kStanzaIds)) return false;
        const auto by = xmpp::Jid::parse(child.attribute("by"));  // however it is spelled
        return !by || *by == owner || by->str() == owner.domain();
    });
}

void add_stanza_id(xml::Element& message, const xmpp::Jid& owner, std::string_view id) {
    message.add("stanza-id", kStanzaIds).set("by", owner.str()).set("id", id);
}

}  // namespace carillon::modules
