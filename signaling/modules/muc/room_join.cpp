/// Entering a room, and changing one's nick in it.
/// Spec: XEP-0045 1.35.1 §7.2 (entering), §7.6 (nick), §10.1 (creating).
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/xmpp/datetime.h"
#include "signaling/xmpp/nickname.h"

namespace carillon::modules::rooms {

namespace {

constexpr std::size_t kJoinsKept = 4096;

xml::Element without_room_children(const xml::Element& element) {
    auto clean = element;
    clean.remove_children_if([](const xml::Element& child) {
        return child.ns() == kMuc || child.ns() == kMucUser || child.ns() == kOccupantId || child.ns() == kHats ||
               child.ns() == kStanzaId;
    });
    for (const auto* name : {"from", "to", "type"}) clean.remove_attribute(name);
    return clean;
}

}  // namespace

void Room::join(const Stanza& stanza, const xml::Element& x) {
    const auto& limits = host_.settings();
    if (joins_.size() > kJoinsKept) joins_.clear();
    if (!joins_[stanza.from().bare()].take(host_.context().clock().now(), static_cast<double>(limits.presence_rate),
                                           static_cast<double>(limits.presence_burst))) {
        host_.context().counter("join_flood").add();
        error(stanza, StanzaError::resource_constraint().with_text("you enter too often"));
        return end_if_empty();
    }
    if (auto refused = refuse_entry(stanza, x)) {
        error(stanza, *refused);
        return end_if_empty();
    }
    const bool created = locked_ && occupants_.empty();
    auto& who = add_session(stanza);
    greet(who, stanza.from(), x, created ? Entry::creates : Entry::first);
}

/// §7.2.4 to §7.2.10.
std::optional<StanzaError> Room::refuse_entry(const Stanza& stanza, const xml::Element& x) const {
    const auto bare = stanza.from().bare();
    const auto standing = affiliation(bare);
    if (locked_ && standing != Affiliation::owner) return StanzaError::item_not_found();
    if (standing == Affiliation::outcast) return StanzaError::forbidden();
    if (config_.members_only && standing == Affiliation::none) return StanzaError::registration_required();
    if (config_.password_protected && standing != Affiliation::owner && x.child_text("password") != config_.secret)
        return StanzaError::not_authorized();
    const auto most = config_.max_users == 0 ? host_.settings().occupants : config_.max_users;
    // §7.2.9: admins and owners still may.
    if (by_session_.size() >= most && standing < Affiliation::admin)
        return StanzaError{"wait", "service-unavailable", "the room is full", {}};
    if (sessions_of(bare) >= host_.settings().occupants_per_user)
        return StanzaError::resource_constraint().with_text("you are in the room too often");
    return refuse_nick(stanza.to().resource(), bare);
}

std::optional<StanzaError> Room::refuse_nick(std::string_view nick, const Jid& bare) const {
    if (nick.size() > host_.settings().nick_octets || !xmpp::is_proper_nick(nick))
        return StanzaError::not_acceptable().with_text("not a nick for this room");
    const auto skeleton = xmpp::nick_skeleton(nick);
    for (auto [at, end] = by_skeleton_.equal_range(skeleton); at != end; ++at) {
        if (at->second->real != bare) return StanzaError::conflict();
    }
    for (auto [at, end] = reserved_.equal_range(skeleton); at != end; ++at) {
        if (at->second != bare) return StanzaError::conflict();
    }
    return std::nullopt;
}

Occupant& Room::add_session(const Stanza& stanza) {
    const auto nick = stanza.to().resource();
    auto* who = find(nick);
    if (!who) {
        auto fresh = std::make_unique<Occupant>();
        who = fresh.get();
        who->nick = nick;
        who->skeleton = xmpp::nick_skeleton(nick);
        who->in_room = stanza.to();
        who->real = stanza.from().bare();
        who->id = occupant_id(who->real);
        who->role = initial_role(affiliation(who->real), config_.moderated);
        if (const auto kept = kept_roles_.find(who->real); config_.moderated && kept != kept_roles_.end())
            who->role = std::max(who->role, kept->second);
        by_skeleton_.emplace(who->skeleton, who);
        occupants_.emplace(who->nick, std::move(fresh));
    }
    who->sessions.push_back({stanza.from(), without_room_children(stanza.element())});
    by_session_[stanza.from()] = who;
    return *who;
}

/// §7.2.2, in this order: the others, himself, history, subject.
void Room::greet(Occupant& who, const Jid& full, const xml::Element& x, Entry entry) {
    if (!avatar_hash_.empty()) send_avatar_hash(full);
    const bool sees = sees_jids(who);
    for (const auto& [nick, other] : occupants_) {
        if (other.get() != &who && is_shown(*other)) send(presence_of(*other, full, sees, false, {}));
    }
    std::vector<int> codes;
    if (config_.nonanonymous) codes.push_back(100);
    if (config_.logging) codes.push_back(170);
    if (entry == Entry::creates) codes.push_back(201);
    if (entry == Entry::again) {  // the others know
        send(presence_of(who, full, true, true, codes));
    } else {
        broadcast_joined(who, full, codes);
    }
    send_history(full, x);
    send_subject(full);
}

/// The others need no status; of his own connections only the one that entered gets them.
void Room::broadcast_joined(Occupant& who, const Jid& full, std::span<const int> codes) {
    const auto hidden = presence_of(who, Jid{}, false, false, {});
    const auto open = presence_of(who, Jid{}, true, false, {});
    if (is_shown(who)) send_to_others(who, hidden, open);
    for (const auto& session : who.sessions) {
        const bool entered = session.jid == full;
        send(presence_of(who, session.jid, true, true, entered ? codes : std::span<const int>{}));
    }
}

void Room::change_nick(Occupant& who, const Stanza& stanza) {
    const auto& wanted = stanza.to();
    if (auto refused = refuse_nick(wanted.resource(), who.real)) return error(stanza, *refused);
    Removal why;
    why.new_nick = wanted.resource();
    const int codes[] = {303};
    const auto entry = std::ranges::find(who.sessions, stanza.from(), &OccupantSession::jid);
    auto moved = std::move(*entry);
    moved.presence = without_room_children(stanza.element());
    if (who.sessions.size() == 1 && !find(wanted.resource())) {  // the usual case: the occupant stays, renamed
        *entry = std::move(moved);
        broadcast(who, codes, &why, true);
        auto node = occupants_.extract(who.nick);
        std::erase_if(by_skeleton_, [&](const auto& each) { return each.second == &who; });
        who.nick = wanted.resource();
        who.skeleton = xmpp::nick_skeleton(who.nick);
        who.in_room = wanted;
        by_skeleton_.emplace(who.skeleton, &who);
        node.key() = who.nick;
        occupants_.insert(std::move(node));
        return show(who);
    }
    // Another connection of his keeps the old nick, or has the new one: this one goes over.
    const auto role = who.role;
    send(presence_of(who, stanza.from(), true, true, codes, &why, true));
    who.sessions.erase(entry);
    by_session_.erase(stanza.from());
    if (who.sessions.empty()) {
        broadcast(who, codes, &why, true);
        drop(who);
    } else {
        show(who);
    }
    const bool known = find(wanted.resource()) != nullptr;
    auto& now = add_session(stanza);
    now.sessions.back().messages = moved.messages;
    now.sessions.back().presences = moved.presences;
    if (!known) now.role = role;
    show(now);
}

void Room::send_history(const Jid& to, const xml::Element& x) {
    const auto request = HistoryRequest::parse(x, host_.context().clock().wall());
    for (const auto* past : history_.select(request, config_.history)) {
        auto copy = Stanza::parse(past->message);
        if (!copy) continue;
        copy->set_to(to);
        add_delay(copy->element(), jid_, xmpp::to_datetime(past->when));
        send(std::move(*copy));
    }
}

/// §7.2.15: also when there is none.
void Room::send_subject(const Jid& to) {
    if (subject_) {
        if (auto copy = Stanza::parse(*subject_)) {
            copy->set_to(to);
            return send(std::move(*copy));
        }
    }
    auto none = Stanza::message(jid_, to, "groupchat");
    none.element().add("subject");
    send(std::move(none));
}

/// XEP-0486 §3.
void Room::send_avatar_hash(const Jid& to) {
    auto stanza = Stanza::presence(jid_, to);
    stanza.element().add("x", kVcardUpdate).add("photo").add_text(avatar_hash_);
    send(std::move(stanza));
}

}  // namespace carillon::modules::rooms
