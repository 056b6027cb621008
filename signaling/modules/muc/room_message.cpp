/// What is said in a room, to all and in private.
/// Spec: XEP-0045 1.35.1 §7.4 (messages), §7.5 (private messages), §8.1 (subject); XEP-0359 0.7.0, XEP-0421 1.0.1.
#include <algorithm>
#include <array>

#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/conversation.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::rooms {

namespace {

constexpr std::size_t kMaxSubject = 4096;

/// Errors that tell that somebody is not there any more; others are about a message.
bool means_gone(const xml::Element& stanza) {
    static constexpr std::array<std::string_view, 9> kGone{
        "gone",     "internal-server-error",   "item-not-found",        "jid-malformed",      "recipient-unavailable",
        "redirect", "remote-server-not-found", "remote-server-timeout", "service-unavailable"};
    const auto* error = stanza.child("error");
    const auto* condition = error ? error->child_in("urn:ietf:params:xml:ns:xmpp-stanzas") : nullptr;
    return condition && std::ranges::find(kGone, condition->name()) != kGone.end();
}

/// §8.1: a subject, and nothing that makes it a remark with a title.
bool changes_subject(const xml::Element& message) {
    return message.child("subject", "jabber:client") && !message.child("body", "jabber:client") &&
           !message.child("thread", "jabber:client");
}

/// XEP-0334, and what is worth remembering at all.
bool is_worth_keeping(const xml::Element& message) {
    bool found = false;
    for (const auto* child : message.children()) {
        if (child->ns() == kHints) {
            if (child->name() == "no-store" || child->name() == "no-permanent-store") return false;
            found = found || child->name() == "store";
        } else {
            found = found || xmpp::says_something(*child) || child->is("subject", "jabber:client");
        }
    }
    return found;
}

}  // namespace

void Room::message(Stanza stanza) {
    if (stanza.is_error()) return message_error(std::move(stanza));
    if (stanza.redelivered()) return replayed(std::move(stanza));
    auto* who = occupant_of(stanza.from());
    if (xml::to_string(stanza.element()).size() > host_.settings().message_octets) {
        host_.context().counter("oversize_message").add();
        return error(stanza, StanzaError::not_acceptable().with_text("the message is too large"));
    }
    if (who) {
        const auto& limits = host_.settings();
        if (!who->session(stanza.from())
                 ->messages.take(host_.context().clock().now(), static_cast<double>(limits.message_rate),
                                 static_cast<double>(limits.message_burst))) {
            host_.context().counter("message_flood").add();
            return error(stanza, StanzaError::resource_constraint().with_text("you say too much"));
        }
    }
    const bool groupchat_type = stanza.type() == "groupchat";
    if (stanza.to().is_bare() && !groupchat_type) {
        if (!invitation(stanza) && !voice(stanza)) error(stanza, StanzaError::bad_request());
        return;
    }
    if (!who) return error(stanza, StanzaError::not_acceptable().with_text("you are not in the room"));  // §7.4
    if (stanza.to().is_full()) {
        if (groupchat_type) return error(stanza, StanzaError::bad_request());  // §7.5
        return private_message(*who, std::move(stanza));
    }
    if (changes_subject(stanza.element())) return subject(*who, std::move(stanza));
    groupchat(*who, std::move(stanza));
}

void Room::groupchat(Occupant& who, Stanza stanza) {
    if (who.role < Role::participant) return error(stanza, StanzaError::forbidden());  // §7.4
    stanza.element() = cleaned(stanza.element());
    stanza.set_from(who.in_room);
    add_occupant_id(stanza.element(), who.id);
    const auto where = is_worth_keeping(stanza.element()) ? Keep::all : Keep::nowhere;
    const auto* retraction = stanza.element().child("retract", kRetract);
    const auto taken_back = retraction ? storage::ArchiveId::parse(std::string{retraction->attribute("id")})
                                       : std::optional<storage::ArchiveId>{};
    const std::string id{stanza.id()};
    say(std::move(stanza), where);
    if (taken_back) host_.context().spawn(retract(shared_from_this(), *taken_back, who.id, id));
}

void Room::subject(Occupant& who, Stanza stanza) {
    const bool may = who.role == Role::moderator || (config_.change_subject && who.role >= Role::participant);
    if (!may) return error(stanza, StanzaError::forbidden());
    if (stanza.element().child_text("subject").size() > kMaxSubject)
        return error(stanza, StanzaError::not_acceptable().with_text("the subject is too long"));
    stanza.element() = cleaned(stanza.element());
    stanza.set_from(who.in_room);
    add_occupant_id(stanza.element(), who.id);
    subject_ = stanza.element();
    subject_->remove_attribute("to");
    add_delay(*subject_, jid_, xmpp::to_datetime(host_.context().clock().wall()));
    save();
    say(std::move(stanza), Keep::archive);  // those who enter get it apart
}

/// What the room alone says is taken out of what an occupant says.
xml::Element Room::cleaned(const xml::Element& element) const {
    auto clean = element;
    clean.remove_children_if([this](const xml::Element& child) {
        if (child.ns() == kMucUser || child.ns() == kMuc || child.ns() == kOccupantId || child.ns() == kHats)
            return true;
        if (child.ns() != kStanzaId && child.ns() != kDelay) return false;
        if (child.name() == "origin-id") return false;
        const auto by = Jid::parse(child.attribute(child.ns() == kDelay ? "from" : "by"));
        return !by || by->bare() == jid_ || by->str() == jid_.domain();  // however it is spelled
    });
    return clean;
}

void Room::say(Stanza message, Keep where) {
    const auto now = host_.context().clock().wall();
    if (where != Keep::nowhere) {
        const auto id = host_.context().storage().archive().make_id(now);
        add_stanza_id(message.element(), jid_, id.text());
        message.set_to(Jid{});
        keep(message, id);
        if (where == Keep::all) history_.add(message.element(), now, id);
    }
    // The room has it: what occupants do not get live they find in the archive.
    message.set_custody(nullptr);
    send_to_all(message);
}

void Room::private_message(Occupant& who, Stanza stanza) {
    auto* to = find(stanza.to().resource());
    if (!to) return error(stanza, StanzaError::item_not_found());
    using Who = RoomConfig::PrivateMessages;
    const auto allowed = config_.private_messages;
    const bool may = allowed == Who::anyone || (allowed == Who::participants && who.role >= Role::participant) ||
                     (allowed == Who::moderators && who.role == Role::moderator) ||
                     // §7.5: whoever may not write to all may still ask a moderator
                     (allowed == Who::participants && to->role == Role::moderator);
    if (!may) return error(stanza, StanzaError::forbidden());
    auto element = cleaned(stanza.element());
    element.add("x", kMucUser);
    add_occupant_id(element, who.id);
    stanza.element() = std::move(element);
    stanza.set_from(who.in_room);
    for (const auto& session : to->sessions) {
        auto copy = stanza;
        copy.set_to(session.jid);
        send(std::move(copy));
    }
}

void Room::message_error(Stanza stanza) {
    auto* who = occupant_of(stanza.from());
    if (!who) return;
    const bool gone = means_gone(stanza.element());
    // The sender of a private message learns that it failed.
    if (stanza.to().is_full()) {
        if (auto* to = find(stanza.to().resource()); to && to != who) {
            const auto from = stanza.from();
            for (const auto& session : to->sessions) {
                auto copy = stanza;
                copy.set_from(who->in_room);
                copy.set_to(session.jid);
                send(std::move(copy));
            }
        }
    }
    if (gone) leave(*who, stanza.from(), nullptr, {333});
}

/// Accepted before the process died, and not settled: nobody is in the room now, but the archive shall have it.
void Room::replayed(Stanza stanza) {
    if (stanza.type() != "groupchat" || stanza.to().is_full())
        return error(stanza, StanzaError::recipient_unavailable());
    const auto bare = stanza.from().bare();
    const auto at = affiliations_.find(bare);
    const auto standing_now = affiliation(bare);
    if (standing_now == Affiliation::outcast || (config_.members_only && standing_now == Affiliation::none)) return;
    if (changes_subject(stanza.element())) return;
    const bool reserved = at != affiliations_.end() && !at->second.nick.empty();
    auto in_room = jid_.with_resource(reserved ? std::string_view{at->second.nick} : bare.node());
    if (!in_room || history_.has(occupant_id(bare), stanza.id())) return;
    stanza.element() = cleaned(stanza.element());
    stanza.set_from(std::move(*in_room));
    add_occupant_id(stanza.element(), occupant_id(bare));
    if (is_worth_keeping(stanza.element())) say(std::move(stanza), Keep::all);
}

}  // namespace carillon::modules::rooms
