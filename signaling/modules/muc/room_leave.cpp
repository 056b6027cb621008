/// Leaving a room: by one's own will, by others', because a connection was lost, because the room ends.
/// Spec: XEP-0045 1.35.1 §7.14 (exiting), §8.2 (kick), §9.1 (ban), §10.9 (destroying).
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

namespace {
constexpr std::size_t kKeptRoles = 1000;
}

/// One connection goes. `last`: its words, if there are some.
void Room::leave(Occupant& who, const Jid& full, const Stanza* last, std::vector<int> codes) {
    Removal why;
    why.codes = std::move(codes);
    if (last) {
        why.last_presence = last->element();
        why.last_presence->remove_children_if([](const xml::Element& child) {
            return child.ns() == kMuc || child.ns() == kMucUser || child.ns() == kOccupantId || child.ns() == kHats;
        });
    }
    if (who.sessions.size() <= 1) return remove(who, std::move(why));
    send(presence_of(who, full, true, true, why.codes, &why, true));
    std::erase_if(who.sessions, [&](const auto& session) { return session.jid == full; });
    by_session_.erase(full);
    show(who);
}

/// All of an occupant's connections go.
void Room::remove(Occupant& who, Removal why) {
    broadcast(who, why.codes, &why, true);
    drop(who);
    end_if_empty();
}

void Room::drop(Occupant& who) {
    for (const auto& session : who.sessions) by_session_.erase(session.jid);
    std::erase_if(by_skeleton_, [&](const auto& each) { return each.second == &who; });
    if (config_.moderated && who.role == Role::participant && kept_roles_.size() < kKeptRoles)
        kept_roles_[who.real] = who.role;
    occupants_.erase(occupants_.find(who.nick));
}

void Room::end_if_empty() {
    if (occupants_.empty() && !config_.persistent && !ended_) end();
}

void Room::end() {
    ended_ = true;
    timer_.reset();
    update_timer_.reset();
    host_.list_room(jid_, std::nullopt);
    host_.forget(jid_);
}

}  // namespace carillon::modules::rooms
