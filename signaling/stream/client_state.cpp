#include "signaling/stream/client_state.h"

#include <algorithm>

#include "signaling/stream/stream_text.h"

namespace carillon::stream {

namespace {

constexpr std::string_view kMuc = "http://jabber.org/protocol/muc";
constexpr std::string_view kMucUser = "http://jabber.org/protocol/muc#user";
constexpr std::string_view kPubsubEvent = "http://jabber.org/protocol/pubsub#event";
constexpr std::string_view kChatStates = "http://jabber.org/protocol/chatstates";
constexpr std::string_view kCarbons = "urn:xmpp:carbons:2";
constexpr std::string_view kForward = "urn:xmpp:forward:0";
constexpr std::string_view kReference = "urn:xmpp:reference:0";

std::string_view bare_part(std::string_view jid) { return jid.substr(0, jid.find('/')); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool contains_word(std::string_view text, std::string_view word) {
    if (word.empty()) return false;
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

bool is_self_presence(const xml::Element& presence) {
    const auto* muc = presence.child("x", kMucUser);
    if (!muc) return false;
    for (const auto* child : muc->children()) {
        if (child->name() == "status" && child->attribute("code") == "110") return true;
    }
    return false;
}

Urgency of_presence(const xml::Element& presence) {
    const auto type = presence.attribute("type");
    if (!type.empty() && type != "unavailable") return Urgency::now;  // somebody asks for something, or an error
    return is_self_presence(presence) ? Urgency::now : Urgency::latest_only;
}

bool mentions(const xml::Element& message, std::string_view user, std::string_view nick) {
    for (const auto* child : message.children()) {
        if (child->is("reference", kReference) && child->attribute("type") == "mention" &&
            child->attribute("uri").find(user) != std::string_view::npos) {
            return true;
        }
    }
    const auto body = message.child_text("body");
    return contains_word(body, nick) || contains_word(body, user.substr(0, user.find('@')));
}

/// Chat state and hints, and nothing that somebody would read or that changes something.
bool only_chat_state(const xml::Element& message) {
    bool state = false;
    for (const auto* child : message.children()) {
        if (child->ns() == kChatStates) {
            state = true;
        } else if (child->name() != "thread" && child->ns() != "urn:xmpp:hints" && child->ns() != "urn:xmpp:sid:0" &&
                   child->ns() != "urn:xmpp:delay") {
            return false;
        }
    }
    return state;
}

Urgency of_message(const xml::Element& message, std::string_view user, std::string_view nick) {
    const auto type = message.attribute("type");
    if (type == "error") return Urgency::now;
    if (const auto* carbon = message.child_in(kCarbons)) {
        const auto* forwarded = carbon->child("forwarded", kForward);
        const auto* inner = forwarded ? forwarded->child("message") : nullptr;
        return inner && only_chat_state(*inner) ? Urgency::later : Urgency::now;
    }
    if (only_chat_state(message)) return Urgency::latest_only;
    if (type == "groupchat") {
        if (message.child("subject") && !message.child("body")) return Urgency::later;
        return mentions(message, user, nick) ? Urgency::now : Urgency::later;
    }
    if (message.child_in(kPubsubEvent) && !message.child("body")) return Urgency::later;
    return Urgency::now;
}

}  // namespace

Urgency urgency_of(const xml::Element& stanza, std::string_view user, std::string_view nick) {
    if (stanza.name() == "presence") return of_presence(stanza);
    if (stanza.name() == "message") return of_message(stanza, user, nick);
    return Urgency::now;
}

bool ClientState::hold(const xml::Element& stanza, std::string_view user) {
    const auto from = stanza.attribute("from");
    const auto nick = nicks_.find(bare_part(from));
    const auto urgency = urgency_of(stanza, user, nick == nicks_.end() ? std::string_view{} : nick->second);
    if (urgency == Urgency::now || held_.size() >= kMaxHeld) return false;
    if (urgency == Urgency::latest_only) {
        const auto key = stanza.name() + ' ' + std::string{from};
        const auto at = newest_.find(key);
        if (at != newest_.end()) held_.erase(at->second);
        newest_[key] = held_.insert(held_.end(), stanza);
    } else {
        held_.push_back(stanza);
    }
    return true;
}

std::list<xml::Element> ClientState::release() {
    newest_.clear();
    return std::exchange(held_, {});
}

void ClientState::note_presence(const xml::Element& presence) {
    const auto to = presence.attribute("to");
    const auto slash = to.find('/');
    if (slash == to.npos) return;
    if (presence.attribute("type") == "unavailable") {
        nicks_.erase(std::string{to.substr(0, slash)});
    } else if (presence.child("x", kMuc) && nicks_.size() < kMaxRooms) {
        nicks_[std::string{to.substr(0, slash)}] = to.substr(slash + 1);
    }
}

}  // namespace carillon::stream
