#include "signaling/xmpp/conversation.h"

#include <algorithm>
#include <array>

namespace carillon::xmpp {
namespace {

/// What is part of a conversation though it need not have a body.
constexpr std::array<std::string_view, 13> kConversation{
    "urn:xmpp:jingle-message:0",
    "urn:xmpp:jingle-message:1",
    "urn:xmpp:call-invites:0",
    "urn:xmpp:message-correct:0",
    "urn:xmpp:reactions:0",
    "urn:xmpp:message-retract:1",
    "urn:xmpp:fasten:0",  // retractions as they were before
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:omemo:2",
    "urn:xmpp:openpgp:0",
    "jabber:x:conference",
    "jabber:x:oob",
    "urn:xmpp:sfs:0",
};

constexpr std::size_t kMaxSearchable = 16 * 1024;  // octets of one message

}  // namespace

bool says_something(const xml::Element& child) {
    if (child.name() == "body" && child.ns() == "jabber:client") return true;
    if (child.is("received", "urn:xmpp:receipts")) return true;
    // A marker that answers; <markable/> only asks for one.
    if (child.ns() == "urn:xmpp:chat-markers:0") return child.name() != "markable";
    if (child.is("x", "http://jabber.org/protocol/muc#user"))
        return child.child("invite") != nullptr || child.child("decline") != nullptr;
    return std::ranges::find(kConversation, child.ns()) != kConversation.end();
}

std::string searchable_text(const xml::Element& message) {
    std::string text;
    for (const auto* child : message.children()) {
        const bool stands_for_another = child->name() == "encrypted" || child->ns() == "urn:xmpp:eme:0" ||
                                        child->ns() == "jabber:x:encrypted" || child->ns() == "urn:xmpp:openpgp:0";
        if (stands_for_another) return {};
        if (child->ns() != message.ns() || (child->name() != "body" && child->name() != "subject")) continue;
        text += (text.empty() ? "" : "\n") + child->text();
    }
    if (text.size() <= kMaxSearchable) return text;
    auto end = kMaxSearchable;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // no half of a character
    text.resize(end);
    return text;
}

}  // namespace carillon::xmpp
