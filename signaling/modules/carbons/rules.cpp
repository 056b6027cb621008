#include "signaling/modules/carbons/rules.h"

#include <algorithm>
#include <array>

namespace carillon::modules {
namespace {

constexpr std::string_view kMucUser = "http://jabber.org/protocol/muc#user";

/// §6.1: "payload elements typically used in IM"; and calls, which ring everywhere and stop ringing everywhere.
constexpr std::array<std::string_view, 14> kInstantMessaging{"urn:xmpp:receipts",
                                                             "http://jabber.org/protocol/chatstates",
                                                             "urn:xmpp:chat-markers:0",
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
                                                             "urn:xmpp:sfs:0"};

bool is_instant_messaging(const xml::Element& message) {
    return std::ranges::any_of(message.nodes(), [](const auto& node) {
        const auto* child = std::get_if<xml::Element>(&node);
        return child && std::ranges::find(kInstantMessaging, child->ns()) != kInstantMessaging.end();
    });
}

}  // namespace

bool wants_copies(const xmpp::Stanza& message, CopySide side) {
    const auto& element = message.element();
    const auto type = message.type();
    if (type == "groupchat" || type == "error") return false;
    if (element.child("private", "urn:xmpp:carbons:2") || element.child("no-copy", "urn:xmpp:hints")) return false;
    if (const auto* muc = element.child("x", kMucUser)) {
        if (muc->child("invite", kMucUser) || muc->child("decline", kMucUser)) return true;
        // A private message from a room: the room sends one to every client that is in it.
        if (side == CopySide::received && message.from().is_full()) return false;
    }
    if (type == "chat") return true;
    if (element.child("x", "jabber:x:conference")) return true;  // XEP-0249
    const bool normal = type != "headline";                      // RFC 6121 §5.2.2: unknown types are normal
    return (normal && element.child("body")) || is_instant_messaging(element);
}

}  // namespace carillon::modules
