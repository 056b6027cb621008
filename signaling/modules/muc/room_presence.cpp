/// Presence in a room: what comes, and what others see of it.
/// Spec: XEP-0045 1.35.1 §7.2.3, §7.7 (availability), §7.6 (nick changes).
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/xml/writer.h"

namespace carillon::modules::rooms {

using namespace std::chrono_literals;

namespace {

constexpr int kSelf[] = {110};
constexpr int kLost[] = {110, 333};

/// What the room alone says, and what is said to the room alone.
bool is_the_rooms(const xml::Element& child) {
    return child.ns() == kMuc || child.ns() == kMucUser || child.ns() == kOccupantId || child.ns() == kHats ||
           child.ns() == kStanzaId;
}

xml::Element cleaned_presence(const xml::Element& element) {
    auto clean = element;
    clean.remove_children_if(is_the_rooms);
    for (const auto* name : {"from", "to", "type"}) clean.remove_attribute(name);
    return clean;
}

}  // namespace

void Room::presence(Stanza stanza) {
    const auto type = stanza.type();
    if (type == "error") return presence_error(stanza);
    if (type == "probe" || (!type.empty() && type != "unavailable")) return;
    if (stanza.to().is_bare()) {
        if (type.empty()) error(stanza, StanzaError::jid_malformed().with_text("a nick is missing"));  // §7.2.1
        return;
    }
    auto* who = occupant_of(stanza.from());
    if (type == "unavailable") {
        if (who) leave(*who, stanza.from(), &stanza);
        return;
    }
    if (xml::to_string(stanza.element()).size() > host_.settings().presence_octets) {
        host_.context().counter("oversize_presence").add();
        return error(stanza, StanzaError::not_acceptable().with_text("the presence is too large"));
    }
    const auto* x = stanza.element().child("x", kMuc);
    if (!who) {
        if (x) return join(stanza, *x);
        // Somebody who believes to be in the room: told, so that he may enter again.
        auto gone = Stanza::presence(stanza.to(), stanza.from(), "unavailable");
        auto& user = gone.element().add("x", kMucUser);
        add_item(user, affiliation(stanza.from().bare()), Role::none, nullptr);
        add_status(user, kLost);
        return send(std::move(gone));
    }
    auto& session = *who->session(stanza.from());
    if (who->nick != stanza.to().resource()) {
        const auto& limits = host_.settings();
        const auto now = host_.context().clock().now();
        if (!session.presences.take(now, static_cast<double>(limits.presence_rate),
                                    static_cast<double>(limits.presence_burst))) {
            host_.context().counter("nick_flood").add();
            return error(stanza, StanzaError::resource_constraint().with_text("too many changes of the nick"));
        }
        return change_nick(*who, stanza);
    }
    if (x) {  // entering again, he wants to see it all
        if (!joins_[who->real].take(host_.context().clock().now(), static_cast<double>(host_.settings().presence_rate),
                                    static_cast<double>(host_.settings().presence_burst)))
            return error(stanza, StanzaError::resource_constraint().with_text("you enter too often"));
        session.presence = cleaned_presence(stanza.element());
        return greet(*who, stanza.from(), *x, Entry::again);
    }
    update(*who, session, stanza);
}

/// What the room sent did not get there: nobody is there any more.
void Room::presence_error(const Stanza& stanza) {
    if (auto* who = occupant_of(stanza.from())) leave(*who, stanza.from(), nullptr, {333});
}

void Room::update(Occupant& who, OccupantSession& session, const Stanza& stanza) {
    session.presence = cleaned_presence(stanza.element());
    const auto& limits = host_.settings();
    const bool now = session.presences.take(host_.context().clock().now(), static_cast<double>(limits.presence_rate),
                                            static_cast<double>(limits.presence_burst));
    // The last to speak is the one that is shown.
    std::rotate(&session, &session + 1, who.sessions.data() + who.sessions.size());
    auto& latest = who.sessions.back();
    if (now && !latest.update_waits) return show(who);
    host_.context().counter("presence_coalesced").add();
    latest.update_waits = true;
    if (!update_pending_) {
        update_pending_ = true;
        update_timer_ = host_.context().after(1s, [this] { show_later(); });
    }
}

void Room::show_later() {
    update_pending_ = false;
    for (auto& [nick, who] : occupants_) {
        bool waits = false;
        for (auto& session : who->sessions) waits |= std::exchange(session.update_waits, false);
        if (waits) show(*who);
    }
}

Stanza Room::presence_of(const Occupant& who, const Jid& to, bool with_jid, bool own, std::span<const int> codes,
                         const Removal* why, bool gone) const {
    auto stanza = Stanza::presence(who.in_room, to);
    auto& element = stanza.element();
    if (gone) {
        if (why && why->last_presence) {
            element = *why->last_presence;
            stanza.set_from(who.in_room);
            stanza.set_to(to);
        }
        element.set("type", "unavailable");
    } else if (!who.sessions.empty()) {
        element = who.sessions.back().presence;
        stanza.set_from(who.in_room);
        stanza.set_to(to);
    }
    add_occupant_id(element, who.id);
    if (!gone) hats_.add_to(element, who.real);
    auto& x = element.add("x", kMucUser);
    const auto standing_now = why && why->affiliation ? *why->affiliation : affiliation(who.real);
    const bool leaves = gone && (!why || why->new_nick.empty());
    const ItemText text{.nick = why ? std::string_view{why->new_nick} : std::string_view{},
                        .actor = why ? std::string_view{why->actor} : std::string_view{},
                        .reason = why ? std::string_view{why->reason} : std::string_view{}};
    const auto role = leaves ? Role::none : who.role;
    if (with_jid && !who.sessions.empty()) {  // one for each connection, the one that is shown first
        for (auto at = who.sessions.rbegin(); at != who.sessions.rend(); ++at)
            add_item(x, standing_now, role, &at->jid, text);
    } else {
        add_item(x, standing_now, role, nullptr, text);
    }
    if (why && why->destroy) x.append(*why->destroy);
    add_status(x, codes);
    if (own) add_status(x, kSelf);
    return stanza;
}

void Room::show(Occupant& who, std::span<const int> codes, const Removal* why) { broadcast(who, codes, why, false); }

/// To the others first, to the occupant himself last (§7.2.2).
void Room::broadcast(const Occupant& who, std::span<const int> codes, const Removal* why, bool gone) {
    const auto bare = presence_of(who, Jid{}, false, false, codes, why, gone);
    const auto full = presence_of(who, Jid{}, true, false, codes, why, gone);
    if (is_shown(who)) send_to_others(who, bare, full);
    for (const auto& session : who.sessions) send(presence_of(who, session.jid, true, true, codes, why, gone));
}

}  // namespace carillon::modules::rooms
