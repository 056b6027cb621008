/// The way of a room to the disk and back.
/// Not here: SQL (storage/room_store.cpp).
#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/room.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/nickname.h"

namespace carillon::modules::rooms {

std::string avatar_hash_of(const xml::Element& vcard);

namespace {

constexpr std::string_view kState = "urn:carillon:room";

/// The module's coroutines outlive the room: they hold what they need.
awaitable<void> put(storage::RoomStore& store, storage::StoredRoom room) { co_await store.put(std::move(room)); }

awaitable<void> put_list(storage::RoomStore& store, Jid room, std::vector<storage::StoredAffiliation> changed) {
    co_await store.put_affiliations(std::move(room), std::move(changed));
}

awaitable<void> put_vcard(storage::RoomStore& store, Jid room, std::string text) {
    co_await store.put_vcard(std::move(room), std::move(text));
}

}  // namespace

Room::Room(RoomHost& host, const storage::StoredRoom& stored)
    : host_{host},
      jid_{stored.room},
      creator_{stored.creator},
      created_{stored.created},
      history_{host.settings().history, host.settings().history_octets},
      needs_history_{true} {
    read_state(stored.state);
    for (const auto& each : stored.affiliations) {
        if (each.affiliation < -1 || each.affiliation > 3) continue;
        const auto level = static_cast<Affiliation>(each.affiliation);
        affiliations_[each.who] = {level, each.nick, each.reason};
        owners_ += level == Affiliation::owner;
        if (!each.nick.empty()) reserved_.emplace(xmpp::nick_skeleton(each.nick), each.who);
    }
    if (!stored.vcard.empty()) {
        if (auto element = xml::parse_document(stored.vcard)) {
            avatar_hash_ = avatar_hash_of(*element);
            vcard_ = std::move(*element);
        }
    }
    config_.persistent = stored.persistent;
    if (locked_) {
        timer_ = host.context().after(host.settings().lock_timeout, [this] {
            if (locked_) destroy(xml::Element{"destroy", kMucOwner});
        });
        return;
    }
    // A temporary room waits for those who were in it, for a while.
    if (!config_.persistent) timer_ = host.context().after(host.settings().empty_timeout, [this] { end_if_empty(); });
}

void Room::save() {
    storage::StoredRoom room{jid_, creator_, created_, config_.persistent, state_text(), {}, {}};
    host_.context().spawn(put(host_.context().storage().rooms(), std::move(room)));
}

void Room::save_affiliations(std::vector<Jid> changed) {
    std::vector<storage::StoredAffiliation> list;
    for (auto& jid : changed) {
        const auto at = affiliations_.find(jid);
        const auto entry = at == affiliations_.end() ? AffiliationEntry{} : at->second;
        list.push_back({std::move(jid), static_cast<int>(entry.affiliation), entry.nick, entry.reason});
    }
    host_.context().spawn(put_list(host_.context().storage().rooms(), jid_, std::move(list)));
}

void Room::save_vcard(std::string text) {
    host_.context().spawn(put_vcard(host_.context().storage().rooms(), jid_, std::move(text)));
}

std::string Room::state_text() const {
    xml::Element state{"room", kState};
    state.set("secret", secret_);
    if (locked_) state.set("locked", "true");
    state.append(to_form(config_, host_.settings().limits(), "submit"));
    if (subject_) state.append(*subject_);
    if (!hats_.all().empty()) state.append(hats_.to_element(kState));
    return xml::to_document(state);
}

void Room::read_state(const std::string& text) {
    const auto state = xml::parse_document(text);
    if (!state) return;
    secret_ = state->attribute("secret");
    locked_ = state->attribute("locked") == "true";
    if (const auto* form = state->child("x", kForms)) {
        if (auto read = read_form(*form, config_, host_.settings().limits())) config_ = std::move(read->config);
    }
    if (const auto* hats = state->child("hats", kState)) hats_ = Hats::read(*hats);
    if (const auto* subject = state->child("message", "jabber:client")) subject_ = *subject;
}

}  // namespace carillon::modules::rooms
