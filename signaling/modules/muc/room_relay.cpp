/// IQs from occupant to occupant, through the room.
/// Spec: XEP-0045 1.35.1 §7.4 note on IQs, §17.4; XEP-0410 1.1.0 §3 (self-ping); XEP-0054 of occupants.
/// The id that the addressee sees begins with a tag of the asking connection, so that the answer finds its way back
/// without anything being kept here.
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

namespace {
constexpr std::size_t kTag = 16;
constexpr std::size_t kLongestId = 512;
}  // namespace

std::string Room::tag_of(const Jid& full) const { return occupant_id(full).substr(0, kTag); }

void Room::relay(Stanza stanza) {
    auto* from = occupant_of(stanza.from());
    if (!stanza.is_iq_request()) {
        if (!from) from = any_of_user(stanza.from());
        if (from) relay_answer(*from, std::move(stanza));
        return;
    }
    if (!stanza.payload()) return error(stanza, StanzaError::bad_request());
    if (!from) return error(stanza, StanzaError::not_acceptable().with_text("you are not in the room"));
    auto* to = find(stanza.to().resource());
    if (!to) return error(stanza, StanzaError::item_not_found());
    // XEP-0410 §3: that he is here is all he wants to know.
    if (to == from && stanza.type() == "get" && stanza.payload()->is("ping", kPing)) {
        return send(Stanza::result_of(stanza));
    }
    const auto asker = stanza.from();
    relay_request(*from, asker, *to, std::move(stanza));
}

void Room::relay_request(Occupant& from, const Jid& asker, Occupant& to, Stanza iq) {
    if (iq.id().size() > kLongestId) return error(iq, StanzaError::not_acceptable());
    const auto& target = to.sessions.back().jid;
    const bool to_account = iq.payload()->ns() == kVcard && iq.type() == "get";
    iq.element().set("id", tag_of(asker) + std::string{iq.id()});
    iq.set_from(from.in_room);
    iq.set_to(to_account ? target.bare() : target);
    send(std::move(iq));
}

/// From the bare JID: the account has answered in the occupant's place.
Occupant* Room::any_of_user(const Jid& bare) {
    if (bare.is_full()) return nullptr;
    for (const auto& [nick, who] : occupants_) {
        if (who->real == bare) return who.get();
    }
    return nullptr;
}

void Room::relay_answer(Occupant& from, Stanza iq) {
    auto* to = find(iq.to().resource());
    if (!to || iq.id().size() < kTag) return;
    const std::string tag{iq.id().substr(0, kTag)};
    for (const auto& session : to->sessions) {
        if (tag_of(session.jid) != tag) continue;
        iq.element().set("id", std::string{iq.id().substr(kTag)});
        iq.set_from(from.in_room);
        iq.set_to(session.jid);
        return send(std::move(iq));
    }
}

}  // namespace carillon::modules::rooms
