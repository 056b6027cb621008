/// Registering with a room: membership, and a nick that is kept for its owner.
/// Spec: XEP-0045 1.35.1 §7.10 (registering), §9.9 (approving).
#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/xmpp/nickname.h"

namespace carillon::modules::rooms {

namespace {

xml::Element registration_form(std::string_view nick) {
    auto form = make_form("form", kMucRegister, "Registration with the room");
    add_field(form, "text-single", "muc#register_roomnick", "Nick", nick).add("required");
    return form;
}

}  // namespace

IqReply Room::registration(const Stanza& iq) {
    const auto& query = *iq.payload();
    const auto bare = iq.from().bare();
    const auto at = affiliations_.find(bare);
    const auto has = affiliation(bare);
    if (has == Affiliation::outcast) return std::unexpected{StanzaError::forbidden()};
    if (iq.type() == "set") return register_nick(iq, query);
    xml::Element answer{"query", kRegister};
    if (at != affiliations_.end() && !at->second.nick.empty()) {
        answer.add("registered");
        answer.add("username").add_text(at->second.nick);
    }
    answer.append(registration_form(at == affiliations_.end() ? std::string{} : at->second.nick));
    return answer;
}

IqReply Room::register_nick(const Stanza& iq, const xml::Element& query) {
    const auto bare = iq.from().bare();
    if (query.child("remove", kRegister)) {
        const auto at = affiliations_.find(bare);
        if (at == affiliations_.end()) return std::unexpected{StanzaError::item_not_found()};
        release_nick(bare, at->second);
        if (at->second.affiliation == Affiliation::member) {
            set_affiliation(bare, Affiliation::none, {});
        } else {
            save_affiliations({bare});
        }
        return std::nullopt;
    }
    const auto* form = query.child("x", kForms);
    const auto wanted = form ? field_value(*form, "muc#register_roomnick") : std::optional{query.child_text("nick")};
    if (!wanted || wanted->empty()) return std::unexpected{StanzaError::bad_request()};
    const auto in_room = jid_.with_resource(*wanted);
    if (!in_room) return std::unexpected{StanzaError::jid_malformed()};
    const std::string nick{in_room->resource()};
    if (auto refused = refuse_nick(nick, bare)) return std::unexpected{std::move(*refused)};
    if (config_.members_only && affiliation(bare) == Affiliation::none) {
        ask_for_approval(iq.from(), nick);  // §7.10: an admin decides
        return std::nullopt;
    }
    if (!affiliations_.contains(bare) && affiliations_.size() >= host_.settings().affiliations)
        return std::unexpected{StanzaError::resource_constraint()};
    reserve_nick(bare, nick);
    return std::nullopt;
}

void Room::reserve_nick(const Jid& bare, const std::string& nick) {
    auto& entry = affiliations_[bare];
    release_nick(bare, entry);
    entry.nick = nick;
    reserved_.emplace(xmpp::nick_skeleton(nick), bare);
    if (entry.affiliation == Affiliation::none) {
        set_affiliation(bare, Affiliation::member, {});
    } else {
        save_affiliations({bare});
    }
}

void Room::release_nick(const Jid& bare, AffiliationEntry& entry) {
    if (entry.nick.empty()) return;
    std::erase_if(reserved_, [&](const auto& each) { return each.second == bare; });
    entry.nick.clear();
}

void Room::ask_for_approval(const Jid& who, std::string_view nick) {
    auto form = make_form("form", kMucRegister, "Registration request", "Shall this user become a member?");
    add_field(form, "jid-single", "muc#register_jid", "User", who.bare().str());
    add_field(form, "text-single", "muc#register_roomnick", "Nick", nick);
    add_boolean(form, "muc#register_allow", "Allow", false);
    for (const auto& [name, other] : occupants_) {
        if (affiliation(other->real) < Affiliation::admin) continue;
        for (const auto& session : other->sessions) {
            auto message = Stanza::message(jid_, session.jid);
            message.element().append(form);
            send(std::move(message));
        }
    }
}

bool Room::approve_registration(const Stanza& stanza, const xml::Element& form) {
    if (affiliation(stanza.from().bare()) < Affiliation::admin) {
        error(stanza, StanzaError::forbidden());
        return true;
    }
    const auto who = Jid::parse(field_value(form, "muc#register_jid").value_or(""));
    if (!who || !read_boolean(field_value(form, "muc#register_allow").value_or("")).value_or(false)) return true;
    if (affiliation(who->bare()) == Affiliation::outcast) {  // a ban is lifted, not passed over
        error(stanza, StanzaError::not_allowed());
        return true;
    }
    const auto in_room = jid_.with_resource(field_value(form, "muc#register_roomnick").value_or(""));
    if (in_room && !refuse_nick(in_room->resource(), who->bare())) {
        reserve_nick(who->bare(), std::string{in_room->resource()});
    } else if (affiliation(who->bare()) == Affiliation::none) {
        set_affiliation(who->bare(), Affiliation::member, {});
    }
    return true;
}

}  // namespace carillon::modules::rooms
