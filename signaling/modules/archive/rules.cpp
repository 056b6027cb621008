#include "signaling/modules/archive/rules.h"

#include <algorithm>
#include <array>

namespace carillon::modules {
namespace {

constexpr std::string_view kHints = "urn:xmpp:hints";

/// What is part of a conversation though it need not have a body.
constexpr std::array<std::string_view, 12> kConversation{
    "urn:xmpp:jingle-message:0",
    "urn:xmpp:jingle-message:1",
    "urn:xmpp:call-invites:0",
    "urn:xmpp:message-correct:0",
    "urn:xmpp:reactions:0",
    "urn:xmpp:message-retract:1",
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:omemo:2",
    "urn:xmpp:openpgp:0",
    "jabber:x:conference",
    "jabber:x:oob",
    "urn:xmpp:sfs:0",
};

bool says_something(const xml::Element& child) {
    if (child.name() == "body" && child.ns() == "jabber:client") return true;
    if (child.is("received", "urn:xmpp:receipts")) return true;
    // A marker that answers; <markable/> only asks for one.
    if (child.ns() == "urn:xmpp:chat-markers:0") return child.name() != "markable";
    if (child.is("x", "http://jabber.org/protocol/muc#user"))
        return child.child("invite") != nullptr || child.child("decline") != nullptr;
    return std::ranges::find(kConversation, child.ns()) != kConversation.end();
}

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
            found = found || says_something(*child);
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
