#include "signaling/xmpp/conversation.h"

#include <algorithm>
#include <array>

namespace carillon::xmpp {
namespace {

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

}  // namespace carillon::xmpp
