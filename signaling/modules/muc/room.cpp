#include "signaling/modules/muc/room.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "signaling/modules/muc/refusal.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/runtime/counters.h"

namespace carillon::modules::rooms {

OccupantSession* Occupant::session(const Jid& full) {
    for (auto& each : sessions) {
        if (each.jid == full) return &each;
    }
    return nullptr;
}

Room::Room(RoomHost& host, Jid jid, Jid creator, std::string secret)
    : host_{host},
      jid_{std::move(jid)},
      creator_{std::move(creator)},
      created_{host.context().clock().wall()},
      secret_{std::move(secret)},
      history_{host.settings().history, host.settings().history_octets} {
    config_.persistent = host.settings().persistent;
    config_.is_public = host.settings().is_public;
    config_.logging = host.settings().logging;
    config_.history = std::min(config_.history, host.settings().history);
}

void Room::handle(Stanza stanza) {
    switch (stanza.kind()) {
        case xmpp::StanzaKind::presence:
            return presence(std::move(stanza));
        case xmpp::StanzaKind::message:
            return message(std::move(stanza));
        case xmpp::StanzaKind::iq:
            return stanza.to().is_bare() ? iq(std::move(stanza)) : relay(std::move(stanza));
    }
}

void Room::begin() {
    affiliations_[creator_] = {Affiliation::owner, {}, {}};
    owners_ = 1;
    locked_ = true;
    save();
    save_affiliations({creator_});
    timer_ = host_.context().after(host_.settings().lock_timeout, [this] {
        if (locked_) destroy(xml::Element{"destroy", kMucOwner});
    });
}

void Room::shut_down() {
    for (auto& [nick, who] : occupants_) {
        const int codes[] = {332};
        const Removal why;
        for (const auto& session : who->sessions) send(presence_of(*who, session.jid, true, true, codes, &why, true));
    }
}

Occupant* Room::find(std::string_view nick) {
    const auto at = occupants_.find(nick);
    return at == occupants_.end() ? nullptr : at->second.get();
}

Occupant* Room::occupant_of(const Jid& full) {
    const auto at = by_session_.find(full);
    return at == by_session_.end() ? nullptr : at->second;
}

/// A whole domain may be banned or be a member (§9.1).
Affiliation Room::affiliation(const Jid& bare) const {
    if (const auto at = affiliations_.find(bare);
        at != affiliations_.end() && at->second.affiliation != Affiliation::none)
        return at->second.affiliation;
    const auto at = affiliations_.find(bare.domain_jid());
    return at == affiliations_.end() ? Affiliation::none : at->second.affiliation;
}

Standing Room::standing(const Jid& full) {
    const auto* who = occupant_of(full);
    return {affiliation(full.bare()), who ? who->role : Role::none};
}

/// XEP-0421 §3: the same for one user in this room for ever, and nothing to go by elsewhere.
std::string Room::occupant_id(const Jid& bare) const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    const auto& text = bare.str();
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &length);
    constexpr char kHex[] = "0123456789abcdef";
    std::string id;
    for (unsigned int i = 0; i < length && i < 20; ++i) {
        id += kHex[digest[i] >> 4];
        id += kHex[digest[i] & 15];
    }
    return id;
}

void Room::send(Stanza stanza) { host_.context().route(std::move(stanza)); }

void Room::send_to_others(const Occupant& who, const Stanza& hidden, const Stanza& open) {
    send_to(open, [&](const Occupant& other) { return &other != &who && sees_jids(other); });
    send_to(hidden, [&](const Occupant& other) { return &other != &who && !sees_jids(other); });
}

void Room::error(const Stanza& stanza, const StanzaError& reason) {
    if (!stanza.is_presence()) return host_.context().reply_error(stanza, reason);
    if (auto refusal = refusal_of(stanza, reason)) send(std::move(*refusal));
}

std::size_t Room::sessions_of(const Jid& bare) const {
    std::size_t count = 0;
    for (const auto& [full, who] : by_session_) count += who->real == bare;
    return count;
}

}  // namespace carillon::modules::rooms
