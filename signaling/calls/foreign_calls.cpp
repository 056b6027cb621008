/// Calls between a user here and one of another server: what comes from there is handed to the controller as what users
/// here send is, and what the controller lets pass goes straight to the addressee's session.
/// Spec: XEP-0166, XEP-0353.
#include "signaling/calls/module.h"
#include "signaling/jingle/invite.h"
#include "signaling/session/session.h"

namespace carillon::calls {

bool CallsModule::is_foreign(const xmpp::Jid& user) const {
    return foreign_ && !user.node().empty() && !serves(user) && foreign_->reaches(context_.shard(), user.domain());
}

/// On the shard of the user here.
runtime::Verdict CallsModule::came(xmpp::Stanza& stanza) {
    if (stanza.is_iq()) return came_iq(stanza);
    if (stanza.is_message()) came_message(stanza);
    if (stanza.is_presence()) came_presence(stanza);
    return runtime::Verdict::pass;
}

runtime::Verdict CallsModule::came_iq(xmpp::Stanza& iq) {
    if (!iq.is_iq_request()) {
        // Answers to what the server sent in the user's name are for nobody.
        if (iq.id().starts_with(kOwnIqPrefix)) return runtime::Verdict::taken;
        if (iq.is_error()) refused(iq);
        return runtime::Verdict::pass;
    }
    const auto* jingle = jingle::find_jingle(iq.element());
    if (!jingle || iq.type() != "set" || iq.to().is_bare()) return runtime::Verdict::pass;
    const auto hash = pair_hash(iq.from(), iq.to());
    const auto key = call_key(iq.from(), jingle->attribute("sid"));
    if (jingle->attribute("action") == "session-initiate" && !room_for_call(iq.to().str(), key, hash)) {
        context_.reply_error(iq, xmpp::StanzaError::resource_constraint().with_text("too many calls"));
        return runtime::Verdict::taken;
    }
    with_controller(hash, [host = std::string{context_.host().str()}, stanza = std::move(iq)](
                              CallsModule& there) mutable { there.controller().take(host, std::move(stanza)); });
    return runtime::Verdict::taken;
}

void CallsModule::came_message(const xmpp::Stanza& message) {
    if (message.is_error() || message.redelivered()) return;
    const auto invite = jingle::parse_invite(message.element());
    if (!invite) return;
    const auto hash = pair_hash(message.from(), message.to());
    if (invite->action == jingle::InviteAction::propose &&
        !room_for_call(no_device(message.to()), call_key(message.from(), invite->id), hash))
        return;
    with_controller(hash, [host = std::string{context_.host().str()}, message](CallsModule& there) {
        there.controller().observe(host, message);
    });
}

/// A foreign user has gone as far as this side is told.
void CallsModule::came_presence(const xmpp::Stanza& presence) {
    if (presence.type() != "unavailable" || presence.from().is_bare()) return;
    const auto prefix = no_device(presence.to());
    for (auto at = sessions_.lower_bound(prefix); at != sessions_.end() && at->first.starts_with(prefix); ++at) {
        for (const auto& [key, owner] : at->second) {
            with_controller(owner, [gone = presence.from(), key](CallsModule& there) {
                there.controller().session_gone(gone, key);
            });
        }
    }
}

/// It has passed the interceptors on its way to the controller, and must not come by here again.
void CallsModule::deliver_here(const xmpp::Stanza& iq) {
    with_controller(std::hash<xmpp::Jid>{}(iq.to().bare()), [iq](CallsModule& there) {
        const auto home = there.shard_->modules.find(iq.to().domain());
        if (home == there.shard_->modules.end()) return;
        auto& module = *home->second;
        auto* account = module.context_.account(iq.to().bare());
        if (auto* session = account ? account->session(iq.to().resource()) : nullptr)
            return session->send(iq.element());
        module.context_.reply_error(iq, xmpp::StanzaError::service_unavailable());
        module.with_controller(pair_hash(iq.from(), iq.to()),
                               [from = iq.to(), to = iq.from(), id = std::string{iq.id()}](CallsModule& calls) {
                                   calls.controller().failed(from, to, id, "service-unavailable");
                               });
    });
}

}  // namespace carillon::calls
