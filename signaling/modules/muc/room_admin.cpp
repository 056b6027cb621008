/// Changes of roles and affiliations, and their lists.
/// Spec: XEP-0045 1.35.1 §8 (moderators), §9 (admins), §10.3 to §10.8 (owners).
/// Not here: who may what (privileges.h).
#include <algorithm>
#include <charconv>

#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_change.h"
#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

namespace {
constexpr std::size_t kItems = 500;
constexpr std::size_t kReason = 1024;

/// XEP-0059 §2: a part of a list, in order of its JIDs. For those who ask; the whole is never too long.
IqReply page_of(xml::Element list, const xml::Element& set) {
    std::size_t most = kItems;
    if (const auto text = set.child_text("max", kRsm); !text.empty()) {
        const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), most);
        if (error != std::errc{} || at != text.data() + text.size()) return std::unexpected{StanzaError::bad_request()};
    }
    std::map<std::string, const xml::Element*> by_jid;
    for (const auto* item : list.children()) by_jid.emplace(item->attribute("jid"), item);
    auto first = by_jid.begin();
    auto last = by_jid.end();
    if (const auto* before = set.child("before", kRsm)) {
        if (const auto id = before->text(); !id.empty()) last = by_jid.lower_bound(id);
        for (first = last; first != by_jid.begin() && most > 0; --most) --first;
    } else {
        if (const auto id = set.child_text("after", kRsm); !id.empty()) first = by_jid.upper_bound(id);
        for (last = first; last != by_jid.end() && most > 0; --most) ++last;
    }
    xml::Element page{list.name(), list.ns()};
    for (auto at = first; at != last; ++at) page.append(*at->second);
    auto& told = page.add("set", kRsm);
    if (first != last) {
        const auto index = std::distance(by_jid.begin(), first);
        told.add("first").set("index", std::to_string(index)).add_text(first->first);
        told.add("last").add_text(std::prev(last)->first);
    }
    told.add("count").add_text(std::to_string(by_jid.size()));
    return page;
}

}  // namespace

IqReply Room::admin(const Stanza& iq) {
    if (iq.type() == "get") return read_list(iq);
    std::vector<Change> changes;
    for (const auto* item : iq.payload()->children()) {
        if (!item->is("item", kMucAdmin)) continue;
        if (changes.size() == kItems) return std::unexpected{StanzaError::policy_violation()};
        auto change = check_change(*item, iq.from());
        if (!change) return std::unexpected{std::move(change.error())};
        changes.push_back(std::move(*change));
    }
    if (changes.empty()) return std::unexpected{StanzaError::bad_request()};
    if (auto refused = last_owner_goes(changes)) return std::unexpected{std::move(*refused)};
    const auto* me = occupant_of(iq.from());
    const std::string actor = me ? me->nick : std::string{};
    for (const auto& change : changes) apply(change, actor);
    return std::nullopt;
}

IqReply Room::read_list(const Stanza& iq) {
    const auto* item = iq.payload()->child("item", kMucAdmin);
    if (!item) return std::unexpected{StanzaError::bad_request()};
    const auto me = standing(iq.from());
    xml::Element query{"query", kMucAdmin};
    if (item->has_attribute("affiliation")) {
        const auto wanted = affiliation_named(item->attribute("affiliation"));
        if (!wanted || *wanted == Affiliation::none) return std::unexpected{StanzaError::bad_request()};
        const bool open = config_.nonanonymous && config_.member_list;
        // Whoever sees all real addresses may know whose the room is: clients ask when it encrypts.
        const bool seen = config_.nonanonymous && config_.member_list && *wanted >= Affiliation::admin &&
                          (me.affiliation >= Affiliation::member || me.role != Role::none);
        if (!seen && !may_read_list(me.affiliation, *wanted, open)) return std::unexpected{StanzaError::forbidden()};
        for (const auto& [jid, entry] : affiliations_) {
            if (entry.affiliation != *wanted) continue;
            auto& found = query.add("item").set("affiliation", name_of(*wanted)).set("jid", jid.str());
            if (!entry.nick.empty()) found.set("nick", entry.nick);
            if (!entry.reason.empty()) found.add("reason").add_text(entry.reason);
        }
        const auto* set = iq.payload()->child("set", kRsm);
        return set ? page_of(std::move(query), *set) : IqReply{std::move(query)};
    }
    const auto wanted = role_named(item->attribute("role"));
    if (!wanted || *wanted == Role::none) return std::unexpected{StanzaError::bad_request()};
    if (me.role != Role::moderator && me.affiliation < Affiliation::admin)
        return std::unexpected{StanzaError::forbidden()};
    for (const auto& [nick, who] : occupants_) {
        if (who->role != *wanted) continue;
        for (const auto& session : who->sessions)
            add_item(query, affiliation(who->real), who->role, &session.jid, {.nick = nick});
    }
    return query;
}

std::expected<Room::Change, StanzaError> Room::check_change(const xml::Element& item, const Jid& actor) {
    const auto me = standing(actor);
    Change change;
    change.why.reason = item.child_text("reason").substr(0, kReason);
    auto* named = item.has_attribute("nick") ? find(item.attribute("nick")) : nullptr;
    if (item.has_attribute("affiliation")) {
        change.affiliation = affiliation_named(item.attribute("affiliation"));
        if (!change.affiliation) return std::unexpected{StanzaError::bad_request()};
        if (item.has_attribute("jid")) {
            const auto jid = Jid::parse(item.attribute("jid"));
            if (!jid) return std::unexpected{StanzaError::jid_malformed()};
            change.who = jid->bare();
            if (item.has_attribute("nick")) change.nick = item.attribute("nick");
        } else if (named) {
            change.who = named->real;
        } else {
            return std::unexpected{item.has_attribute("nick") ? StanzaError::item_not_found()
                                                              : StanzaError::bad_request()};
        }
        const auto at = affiliations_.find(change.who);
        const auto before = at == affiliations_.end() ? Affiliation::none : at->second.affiliation;
        if (!may_set_affiliation(me.affiliation, before, *change.affiliation))
            return std::unexpected{me.affiliation >= Affiliation::admin ? StanzaError::not_allowed()
                                                                        : StanzaError::forbidden()};
        // §9.1: nobody bans himself.
        if (*change.affiliation == Affiliation::outcast &&
            (change.who == actor.bare() || change.who == actor.bare().domain_jid()))
            return std::unexpected{StanzaError::conflict()};
        if (at == affiliations_.end() && affiliations_.size() >= host_.settings().affiliations)
            return std::unexpected{StanzaError::resource_constraint().with_text("the lists are full")};
        if (!change.nick.empty() && change.nick.size() > host_.settings().nick_octets) change.nick.clear();
        return change;
    }
    change.role = role_named(item.attribute("role"));
    if (!change.role) return std::unexpected{StanzaError::bad_request()};
    if (!named && item.has_attribute("jid")) {
        const auto jid = Jid::parse(item.attribute("jid"));
        if (jid) named = occupant_of(*jid);
    }
    if (me.role == Role::none && me.affiliation < Affiliation::admin) return std::unexpected{StanzaError::forbidden()};
    if (!named)
        return std::unexpected{item.has_attribute("nick") || item.has_attribute("jid") ? StanzaError::item_not_found()
                                                                                       : StanzaError::bad_request()};
    const Standing as_actor{me.affiliation, me.affiliation >= Affiliation::admin ? Role::moderator : me.role};
    if (!may_set_role(as_actor, {affiliation(named->real), named->role}, *change.role))
        return std::unexpected{as_actor.role == Role::moderator ? StanzaError::not_allowed()
                                                                : StanzaError::forbidden()};
    change.nick = named->nick;
    return change;
}

/// §10.5: a room has an owner.
std::optional<StanzaError> Room::last_owner_goes(std::span<const Change> changes) const {
    std::set<Jid> owners;
    for (const auto& [jid, entry] : affiliations_) {
        if (entry.affiliation == Affiliation::owner) owners.insert(jid);
    }
    for (const auto& change : changes) {
        if (!change.affiliation) continue;
        if (*change.affiliation == Affiliation::owner) {
            owners.insert(change.who);
        } else {
            owners.erase(change.who);
        }
    }
    return owners.empty() ? std::optional{StanzaError::conflict()} : std::nullopt;
}

void Room::apply(const Change& change, const std::string& actor) {
    auto why = change.why;
    why.actor = actor;
    if (change.affiliation) {
        set_affiliation(change.who, *change.affiliation, why);
        return;
    }
    auto* who = find(change.nick);  // an item before this one may have removed him
    if (who) set_role(*who, *change.role, why);
}

void Room::set_role(Occupant& who, Role role, const Removal& why) {
    if (role == Role::none) {
        auto removal = why;
        removal.codes = {307};
        kept_roles_.erase(who.real);
        return remove(who, std::move(removal));
    }
    if (who.role == role) return;
    const bool was_shown = is_shown(who);
    who.role = role;
    if (config_.moderated && kept_roles_.size() < 1000) kept_roles_[who.real] = std::min(role, Role::participant);
    if (was_shown && !is_shown(who)) hide(who);
    show(who, {}, &why);
}

/// His role is one whose presence is not shown: to the others he is gone.
void Room::hide(const Occupant& who) {
    const auto gone = presence_of(who, Jid{}, false, false, {}, nullptr, true);
    send_to(gone, [&](const Occupant& other) { return &other != &who; });
}

void Room::set_affiliation(const Jid& bare, Affiliation wanted, const Removal& why) {
    const auto before = affiliation(bare);
    auto& entry = affiliations_[bare];
    owners_ += (wanted == Affiliation::owner) - (entry.affiliation == Affiliation::owner);
    entry.affiliation = wanted;
    entry.reason = why.reason;
    if (wanted <= Affiliation::none) release_nick(bare, entry);
    if (wanted == Affiliation::none) affiliations_.erase(bare);
    save_affiliations({bare});
    affiliation_changed(bare, before, affiliation(bare), why);
}

/// What it means to those who are in the room.
void Room::affiliation_changed(const Jid& bare, Affiliation before, Affiliation now, const Removal& why) {
    std::vector<std::string> concerned;
    for (const auto& [nick, who] : occupants_) {
        const bool covered = who->real == bare || (bare.node().empty() && who->real.domain() == bare.domain());
        if (covered && (who->real == bare || affiliation(who->real) == now)) concerned.push_back(nick);
    }
    if (concerned.empty()) return tell_affiliation(bare, now, why);
    for (const auto& nick : concerned) {
        auto* who = find(nick);
        if (!who) continue;
        auto removal = why;
        if (now == Affiliation::outcast || (config_.members_only && now == Affiliation::none)) {
            removal.codes = {now == Affiliation::outcast ? 301 : 321};
            removal.affiliation = now;
            kept_roles_.erase(who->real);
            remove(*who, std::move(removal));
            continue;
        }
        const auto usual = initial_role(now, config_.moderated);
        // §5.1: what is gained comes with the affiliation; what an admin loses is what he had by it.
        const auto role = now < before && before >= Affiliation::admin ? usual : std::max(who->role, usual);
        const bool was_shown = is_shown(*who);
        who->role = role;
        if (was_shown && !is_shown(*who)) hide(*who);
        show(*who, {}, &removal);
    }
}

/// §9.3: of somebody who is not there, those hear who may see addresses.
void Room::tell_affiliation(const Jid& bare, Affiliation now, const Removal& why) {
    auto message = Stanza::message(jid_, {});
    auto& x = message.element().add("x", kMucUser);
    add_item(x, now, Role::none, &bare, {.actor = why.actor, .reason = why.reason});
    send_to(message, [&](const Occupant& who) { return sees_jids(who); });
}

}  // namespace carillon::modules::rooms
