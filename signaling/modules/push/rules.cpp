#include "signaling/modules/push/rules.h"

#include <algorithm>
#include <array>

namespace carillon::modules {
namespace {

constexpr std::string_view kJingle = "urn:xmpp:jingle:1";
constexpr std::string_view kRtp = "urn:xmpp:jingle:apps:rtp:1";

/// What says something to a person without a body that the server can read.
constexpr std::array<std::string_view, 5> kMeaningful{"eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2",
                                                      "urn:xmpp:openpgp:0", "jabber:x:conference", "urn:xmpp:sfs:0"};

bool has_video(const xml::Element& element) {
    if (element.name() == "description" && element.attribute("media") == "video") return true;
    return std::ranges::any_of(element.nodes(), [](const auto& node) {
        const auto* child = std::get_if<xml::Element>(&node);
        return child && has_video(*child);
    });
}

const xml::Element* call_of(const xml::Element& stanza) {
    for (const auto* ns : {"urn:xmpp:jingle-message:0", "urn:xmpp:jingle-message:1"}) {
        if (const auto* propose = stanza.child("propose", ns)) return propose;
    }
    return stanza.child("invite", "urn:xmpp:call-invites:0");
}

bool says_something(const xml::Element& message) {
    return std::ranges::any_of(message.nodes(), [](const auto& node) {
        const auto* child = std::get_if<xml::Element>(&node);
        if (!child) return false;
        if (child->name() == "body" && child->ns() == "jabber:client") return !child->empty();
        if (child->is("x", "http://jabber.org/protocol/muc#user")) return child->child("invite") != nullptr;
        return std::ranges::find(kMeaningful, child->ns()) != kMeaningful.end();
    });
}

/// A ringing call; of IQs, the one that begins a session of sound or pictures.
PushEvent of_iq(const xml::Element& iq) {
    const auto* jingle = iq.attribute("type") == "set" ? iq.child("jingle", kJingle) : nullptr;
    if (!jingle || jingle->attribute("action") != "session-initiate") return {};
    const auto contents = jingle->children();
    const bool is_call = std::ranges::any_of(
        contents, [](const auto* content) { return content->child("description", kRtp) != nullptr; });
    if (!is_call) return {};
    return {PushWeight::call,
            std::string{iq.attribute("from")},
            {},
            std::string{jingle->attribute("sid")},
            has_video(*jingle)};
}

}  // namespace

PushEvent push_event(const xml::Element& stanza, std::string_view bare) {
    if (stanza.name() == "iq") return of_iq(stanza);
    const auto type = stanza.attribute("type");
    const std::string from{stanza.attribute("from")};
    if (stanza.name() == "presence")
        return type == "subscribe" ? PushEvent{PushWeight::request, from, {}, {}, false} : PushEvent{};
    if (stanza.name() != "message" || type == "error" || type == "headline") return {};
    if (stanza.child("result", "urn:xmpp:mam:2")) return {};
    if (const auto* carbon = from == bare ? stanza.child("received", "urn:xmpp:carbons:2") : nullptr) {
        const auto* forwarded = carbon->child("forwarded", "urn:xmpp:forward:0");
        const auto* inner = forwarded ? forwarded->child("message", "jabber:client") : nullptr;
        return inner && !inner->child_in("urn:xmpp:carbons:2") ? push_event(*inner, bare) : PushEvent{};
    }
    if (std::string_view{from}.substr(0, from.find('/')) == bare) return {};  // one's own doing on another device
    if (const auto* call = call_of(stanza); call && type != "groupchat")
        return {PushWeight::call,
                from,
                {},
                std::string{call->attribute("id")},
                has_video(*call) || call->attribute("video") == "true"};
    if (!says_something(stanza)) return {};
    return {PushWeight::message, from, stanza.child_text("body", "jabber:client"), {}, false};
}

}  // namespace carillon::modules
