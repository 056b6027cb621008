/// Configuring and destroying a room.
/// Spec: XEP-0045 1.35.1 §10.1 (creating), §10.2 (configuration), §10.9 (destroying).
/// Not here: the form (room_config.h).
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

IqReply Room::owner(const Stanza& iq) {
    if (affiliation(iq.from().bare()) != Affiliation::owner) return std::unexpected{StanzaError::forbidden()};
    const auto& query = *iq.payload();
    if (iq.type() == "get") {
        // §10.2 knows the form alone; some clients ask for lists here as well.
        if (query.child("item")) return std::unexpected{StanzaError::feature_not_implemented()};
        xml::Element answer{"query", kMucOwner};
        answer.append(to_form(config_, host_.settings().limits()));
        return answer;
    }
    if (const auto* wanted = query.child("destroy", kMucOwner)) return destroy(*wanted);
    const auto* form = query.child("x", kForms);
    if (!form) return std::unexpected{StanzaError::bad_request()};
    if (form->attribute("type") == "cancel") {  // §10.1.3: a room that nobody wants goes
        if (locked_) return destroy(xml::Element{"destroy", kMucOwner});
        return std::nullopt;
    }
    if (form->attribute("type") != "submit") return std::unexpected{StanzaError::bad_request()};
    return submit(iq, *form);
}

IqReply Room::submit(const Stanza&, const xml::Element& form) {
    auto submitted = read_form(form, config_, host_.settings().limits());
    if (!submitted) return std::unexpected{std::move(submitted.error())};
    if (auto refused = take_owners(*submitted)) return std::unexpected{std::move(*refused)};
    const auto before = std::exchange(config_, std::move(submitted->config));
    unlock();
    save();
    configured(before);
    end_if_empty();
    return std::nullopt;
}

/// Lists of owners and admins, where the form has them, replace those that were.
std::optional<StanzaError> Room::take_owners(const Submitted& submitted) {
    if (submitted.owners && submitted.owners->empty()) return StanzaError::conflict();
    for (const auto& [list, level] :
         {std::pair{&submitted.owners, Affiliation::owner}, std::pair{&submitted.admins, Affiliation::admin}}) {
        if (!*list) continue;
        if (affiliations_.size() + (*list)->size() > host_.settings().affiliations + 1)
            return StanzaError::resource_constraint();
        std::vector<Jid> gone;
        for (const auto& [jid, entry] : affiliations_) {
            if (entry.affiliation == level && !(*list)->contains(jid)) gone.push_back(jid);
        }
        for (const auto& jid : **list) {
            const auto at = affiliations_.find(jid);
            const auto has = at == affiliations_.end() ? Affiliation::none : at->second.affiliation;
            if (has < level) set_affiliation(jid, level, {});
        }
        for (const auto& jid : gone) set_affiliation(jid, Affiliation::none, {});
    }
    return std::nullopt;
}

/// §10.2.1: everybody is told what changed; who may not be here any longer goes.
void Room::configured(const RoomConfig& before) {
    std::vector<int> codes;
    if (before.logging != config_.logging) codes.push_back(config_.logging ? 170 : 171);
    if (before.nonanonymous != config_.nonanonymous) codes.push_back(config_.nonanonymous ? 172 : 173);
    if (before != config_) {
        auto others = before;
        others.logging = config_.logging;
        others.nonanonymous = config_.nonanonymous;
        if (codes.empty() || others != config_) codes.push_back(104);
    }
    if (!codes.empty()) tell_status(codes);
    list();
    if (config_.members_only && !before.members_only) {
        std::vector<std::string> strangers;
        for (const auto& [nick, who] : occupants_) {
            if (affiliation(who->real) < Affiliation::member) strangers.push_back(nick);
        }
        for (const auto& nick : strangers) {
            if (auto* who = find(nick)) remove(*who, {.codes = {322}});
        }
    }
    if (before.moderated && !config_.moderated) {
        kept_roles_.clear();
        for (auto& [nick, who] : occupants_) {
            if (who->role == Role::visitor) set_role(*who, Role::participant, {});
        }
    }
    if (!before.nonanonymous && config_.nonanonymous) {  // what they may see now, they are shown
        for (auto& [nick, who] : occupants_) show(*who);
    }
    if (before.broadcast != config_.broadcast) {
        for (auto& [nick, who] : occupants_) {
            if (before.broadcast.contains(who->role) && !is_shown(*who)) hide(*who);
            if (!before.broadcast.contains(who->role) && is_shown(*who)) show(*who);
        }
    }
}

void Room::tell_status(std::span<const int> codes) {
    auto message = Stanza::message(jid_, Jid{}, "groupchat");
    add_status(message.element().add("x", kMucUser), codes);
    send_to_all(message);
}

void Room::unlock() {
    if (!std::exchange(locked_, false)) return;
    timer_.reset();
}

void Room::list() const {
    const bool shown = config_.is_public && !locked_ && !ended_;
    host_.list_room(
        jid_, shown ? std::optional{config_.name.empty() ? std::string{jid_.node()} : config_.name} : std::nullopt);
}

/// §10.9: everybody goes, and is told where to.
IqReply Room::destroy(const xml::Element& wanted) {
    xml::Element said{"destroy", kMucUser};
    if (const auto venue = Jid::parse(wanted.attribute("jid"))) said.set("jid", venue->str());
    for (const auto* name : {"reason", "password"}) {
        const auto text = wanted.child_text(name).substr(0, 1024);
        if (!text.empty()) said.add(name).add_text(text);
    }
    while (!occupants_.empty()) {
        auto& who = *occupants_.begin()->second;
        Removal why;
        why.affiliation = Affiliation::none;
        why.destroy = said;
        for (const auto& session : who.sessions) send(presence_of(who, session.jid, true, true, {}, &why, true));
        drop(who);
    }
    if (!ended_) end();
    return std::nullopt;
}

}  // namespace carillon::modules::rooms
