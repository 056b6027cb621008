/// Invitations through the room, and requests for voice.
/// Spec: XEP-0045 1.35.1 §7.8.2 (mediated invitations), §7.13 and §8.6 (voice); XEP-0249 1.2 (kept beside).
/// Not here: direct invitations, which pass from user to user.
#include <algorithm>

#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"

namespace carillon::modules::rooms {

namespace {

constexpr std::size_t kInvitesAtOnce = 20;
constexpr std::size_t kInvitationsKept = 1000;
constexpr std::size_t kReason = 1024;

}  // namespace

bool Room::invitation(const Stanza& stanza) {
    const auto* x = stanza.element().child("x", kMucUser);
    if (!x) return false;
    if (const auto* refusal = x->child("decline", kMucUser)) {
        decline(stanza, *refusal);
        return true;
    }
    if (!x->child("invite", kMucUser)) return false;
    invite(stanza, *x);
    return true;
}

void Room::invite(const Stanza& stanza, const xml::Element& x) {
    const auto me = standing(stanza.from());
    if (me.role == Role::none) return error(stanza, StanzaError::not_acceptable());
    const bool may = !config_.members_only || config_.allow_invites || me.affiliation >= Affiliation::admin;
    if (!may || me.role < Role::participant) return error(stanza, StanzaError::forbidden());
    std::size_t count = 0;
    for (const auto* each : x.children()) {
        if (!each->is("invite", kMucUser) || ++count > kInvitesAtOnce) continue;
        auto to = Jid::parse(each->attribute("to"));
        if (!to || to->node().empty()) {
            error(stanza, StanzaError::jid_malformed());
            continue;
        }
        if (affiliation(to->bare()) == Affiliation::outcast) {
            error(stanza, StanzaError::forbidden().with_text("that user is banned"));
            continue;
        }
        // §7.8.2: whom somebody may invite into a members-only room becomes a member.
        if (config_.members_only && affiliation(to->bare()) == Affiliation::none)
            set_affiliation(to->bare(), Affiliation::member, {});
        if (invitations_.size() < kInvitationsKept || invitations_.contains(to->bare()))
            invitations_[to->bare()].insert(stanza.from());
        auto message = Stanza::message(jid_, *to);
        if (!stanza.id().empty()) message.element().set("id", stanza.id());
        auto& user = message.element().add("x", kMucUser);
        auto& invite = user.add("invite").set("from", stanza.from().str());
        const auto reason = each->child_text("reason").substr(0, kReason);
        if (!reason.empty()) invite.add("reason").add_text(reason);
        if (const auto* thread = each->child("continue")) invite.append(*thread);
        if (config_.password_protected) user.add("password").add_text(config_.secret);
        auto& direct = message.element().add("x", kDirectInvite).set("jid", jid_.str());
        if (!reason.empty()) direct.set("reason", reason);
        if (config_.password_protected) direct.set("password", config_.secret);
        send(std::move(message));
    }
}

/// Only of those who were invited, and to those who did it: the room carries no other messages.
void Room::decline(const Stanza& stanza, const xml::Element& decline) {
    const auto to = Jid::parse(decline.attribute("to"));
    if (!to) return error(stanza, StanzaError::jid_malformed());
    const auto at = invitations_.find(stanza.from().bare());
    if (at == invitations_.end()) return error(stanza, StanzaError::item_not_found());
    const auto inviter =
        std::ranges::find_if(at->second, [&](const Jid& each) { return each == *to || each.bare() == to->bare(); });
    if (inviter == at->second.end()) return error(stanza, StanzaError::item_not_found());
    auto message = Stanza::message(jid_, *inviter);
    auto& refusal = message.element().add("x", kMucUser).add("decline").set("from", stanza.from().bare().str());
    const auto reason = decline.child_text("reason").substr(0, kReason);
    if (!reason.empty()) refusal.add("reason").add_text(reason);
    invitations_.erase(at);
    send(std::move(message));
}

bool Room::voice(const Stanza& stanza) {
    const auto* form = stanza.element().child("x", kForms);
    if (!form || form->attribute("type") != "submit") return false;
    const auto type = field_value(*form, "FORM_TYPE");
    if (type == kMucRegister) return approve_registration(stanza, *form);
    if (type != kMucRequest) return false;
    if (field_value(*form, "muc#request_allow")) {
        approve_voice(stanza, *form);
    } else {
        request_voice(stanza);
    }
    return true;
}

void Room::request_voice(const Stanza& stanza) {
    const auto* who = occupant_of(stanza.from());
    if (!who) return error(stanza, StanzaError::not_acceptable());
    if (who->role != Role::visitor) return;  // has it
    auto form = make_form("form", kMucRequest, "Voice request", "Shall this occupant have voice?");
    add_field(form, "list-single", "muc#role", "Requested role", "participant");
    add_field(form, "jid-single", "muc#jid", "User", stanza.from().str());
    add_field(form, "text-single", "muc#roomnick", "Nick", who->nick);
    add_boolean(form, "muc#request_allow", "Grant voice", false);
    for (const auto& [nick, other] : occupants_) {
        if (other->role != Role::moderator) continue;
        for (const auto& session : other->sessions) {
            auto message = Stanza::message(jid_, session.jid);
            message.element().append(form);
            send(std::move(message));
        }
    }
}

void Room::approve_voice(const Stanza& stanza, const xml::Element& form) {
    const auto me = standing(stanza.from());
    if (me.role != Role::moderator) return error(stanza, StanzaError::forbidden());
    if (!read_boolean(field_value(form, "muc#request_allow").value_or("")).value_or(false)) return;
    auto* who = find(field_value(form, "muc#roomnick").value_or(""));
    if (const auto jid = Jid::parse(field_value(form, "muc#jid").value_or(""))) {
        if (auto* known = occupant_of(*jid)) who = known;
    }
    if (!who) return error(stanza, StanzaError::item_not_found());
    if (who->role == Role::visitor) set_role(*who, Role::participant, {});
}

}  // namespace carillon::modules::rooms
