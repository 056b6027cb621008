/// Who may see whom, and who is there: subscriptions, broadcasts, probes, directed presence.
/// Spec: RFC 6121 §3 (subscriptions), §4 (presence).
/// Not here: the state tables (session/subscription.h), priorities and delivery (router/).
#include "signaling/modules/presence/presence.h"

#include "config/base/log.h"
#include "signaling/session/directed_presence.h"
#include "signaling/session/roster_push.h"
#include "signaling/session/subscription.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::Change;
using session::RosterItem;
using session::Session;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "presence", .xep = 0, .version = "RFC 6121 §3, §4", .summary = "subscriptions and presence"};
constexpr std::size_t kMaxDirected = 1000;
constexpr std::size_t kMaxPending = 1000;  // requests of strangers that wait for an answer

/// What the module keeps with a session.
struct Of {
    bool said_unavailable = false;  ///< the unavailable that is being processed came from the client itself
};

std::optional<Change> change_of(std::string_view type) {
    if (type == "subscribe") return Change::subscribe;
    if (type == "subscribed") return Change::subscribed;
    if (type == "unsubscribe") return Change::unsubscribe;
    if (type == "unsubscribed") return Change::unsubscribed;
    return std::nullopt;
}

class Presence final : public Module {
  public:
    explicit Presence(ModuleContext& context) : context_{context} {
        hooks_ += context.intercept(Stage::from_local, 100, [this](Stanza& stanza) { return from_local(stanza); });
        hooks_ += context.intercept(Stage::to_local, 100, [this](Stanza& stanza) { return to_local(stanza); });
        hooks_ += context.sessions(
            {.bound = {},
             .available = [this](Session& session) { came(session); },
             .unavailable = [this](Session& session) { went(session); },
             // §4.6.3: also of one that told some where it was and never told all.
             .closed = [this](Session& s) { tell_directed(s, Stanza::presence(s.jid(), {}, "unavailable")); },
             .presence = [this](Session& session, const Stanza& presence) { broadcast(session, presence); }});
    }

  private:
    // ---- what local sessions send

    Verdict from_local(Stanza& stanza) {
        if (!stanza.is_presence()) return Verdict::pass;
        auto* account = context_.account(stanza.from().bare());
        auto* session = account ? account->session(stanza.from().resource()) : nullptr;
        if (!session) return Verdict::pass;
        if (stanza.to().empty()) {
            session->slots().get<Of>().said_unavailable = stanza.type() == "unavailable";
            return Verdict::pass;
        }
        if (const auto change = change_of(stanza.type())) return send_change(*account, *change, stanza);
        auto& directed = session->slots().get<session::DirectedPresence>().to;
        if (stanza.type().empty()) {
            if (directed.size() >= kMaxDirected && !directed.contains(stanza.to())) {
                context_.reply_error(stanza, StanzaError::resource_constraint());
                return Verdict::taken;
            }
            directed.insert(stanza.to());
        } else if (stanza.type() == "unavailable") {
            directed.erase(stanza.to());
        }
        return Verdict::pass;
    }

    /// §3.1.2, §3.2.2, §3.3.2: the user's side of a subscription.
    Verdict send_change(Account& account, Change change, Stanza& stanza) {
        const Jid contact = stanza.to().bare();
        if (contact == account.jid()) return Verdict::taken;  // one's own presence needs no subscription (§4.2.2)
        auto& roster = account.roster();
        auto* item = roster.find(contact);
        RosterItem fresh{.jid = contact, .listed = false};
        const auto effect = session::outbound(item ? *item : fresh, change);
        if (!item && effect.changed && roster.items.size() >= session::kMaxRosterItems) {
            context_.reply_error(stanza, StanzaError::not_allowed().with_text("the roster is full"));
            return Verdict::taken;
        }
        if (effect.changed) keep(account, item ? *item : roster.items.add(fresh));
        if (effect.send_unavailable) tell_unavailable(account, contact);
        if (!effect.pass) return Verdict::taken;
        stanza.set_to(contact);  // §3.1.2: subscriptions go by the bare JIDs
        stanza.set_from(account.jid());
        Stanza routed = stanza;
        context_.route(std::move(routed));
        // "subscribed" first, then the presence it allows.
        if (effect.send_presence) tell_presence(account, contact);
        return Verdict::taken;
    }

    // ---- what comes for local accounts

    Verdict to_local(Stanza& stanza) {
        if (!stanza.is_presence()) return Verdict::pass;
        auto* account = context_.account(stanza.to().bare());
        if (!account) return Verdict::pass;
        if (stanza.type() == "probe") {
            answer_probe(*account, stanza);
            return Verdict::taken;
        }
        const auto change = change_of(stanza.type());
        return change ? take_change(*account, *change, stanza) : Verdict::pass;
    }

    /// §3.1.3, §3.1.6, §3.2.3, §3.3.3: the contact's change arrives.
    Verdict take_change(Account& account, Change change, Stanza& stanza) {
        const Jid contact = stanza.from().bare();
        auto& roster = account.roster();
        auto* item = roster.find(contact);
        if (!item && change == Change::subscribe && too_many_wait(account)) {
            context_.route(Stanza::presence(account.jid(), contact, "unsubscribed"));
            return Verdict::taken;
        }
        RosterItem fresh{.jid = contact, .listed = false};
        const auto effect = session::inbound(item ? *item : fresh, change, xml::to_document(stanza.element()));
        if (effect.auto_subscribed) context_.route(Stanza::presence(account.jid(), contact, "subscribed"));
        if (effect.send_unavailable) tell_unavailable(account, contact);
        // §3.1.6: first the stanza, then the push.
        if (effect.pass) deliver(account, stanza, change);
        if (effect.changed) keep(account, item ? *item : roster.items.add(fresh));
        if (effect.send_presence) tell_presence(account, contact);
        return Verdict::taken;
    }

    static bool too_many_wait(const Account& account) {
        std::size_t waiting = 0;
        for (const auto& item : account.roster().items) waiting += item.pending_in && !item.listed;
        return waiting >= kMaxPending;
    }

    void deliver(Account& account, const Stanza& stanza, Change change) {
        for (auto* session : account.sessions()) {
            if (change == Change::subscribe ? session->available() : session->interested())
                session->send(stanza.element());
        }
    }

    /// §4.3.2.
    void answer_probe(Account& account, const Stanza& probe) {
        const auto& asker = probe.from();
        const auto* item = account.roster().find(asker.bare());
        if (!asker.same_bare(account.jid()) && !(item && item->from)) {
            return context_.route(Stanza::presence(account.jid(), asker.bare(), "unsubscribed"));
        }
        bool any = false;
        for (const auto* session : account.sessions()) {
            if (!session->available() || session->jid() == asker) continue;
            Stanza presence = *session->presence();
            presence.set_to(asker);
            context_.route(std::move(presence));
            any = true;
        }
        if (!any && !asker.same_bare(account.jid()))
            context_.route(Stanza::presence(account.jid(), asker, "unavailable"));
    }

    // ---- sessions

    /// §4.2.2, §4.3.1, §3.1.3: initial presence brings what others have to tell.
    void came(Session& session) {
        auto& account = session.account();
        for (const auto& item : account.roster().items) {
            const auto& jid = item.jid;
            if (account.roster().blocked.blocks(jid)) continue;
            if (item.to) context_.route(Stanza::presence(session.jid(), jid, "probe"));
            if (item.pending_in && !item.request.empty()) {
                if (const auto request = xml::parse_document(item.request)) session.send(*request);
            }
        }
        for (const auto* other : account.sessions()) {
            if (other == &session || !other->available()) continue;
            Stanza presence = *other->presence();
            presence.set_to(session.jid());
            session.send(presence.element());
        }
    }

    /// §4.5: the stream died without a word, or the client said it (then broadcast() tells in its words).
    void went(Session& session) {
        auto& of = session.slots().get<Of>();
        if (std::exchange(of.said_unavailable, false)) return;
        broadcast(session, Stanza::presence(session.jid(), {}, "unavailable"));
    }

    /// §4.2.2, §4.4.2, §4.5.2: to all who may see, to the user's own resources, and on going to those told directly.
    void broadcast(Session& session, const Stanza& presence) {
        auto& account = session.account();
        const auto& blocked = account.roster().blocked;  // XEP-0191: they see nothing of this user
        for (const auto& item : account.roster().items) {
            if (item.from && !blocked.blocks(item.jid)) send_copy(presence, item.jid);
        }
        send_copy(presence, account.jid());
        if (presence.type() != "unavailable") return;
        session.slots().get<Of>().said_unavailable = false;
        tell_directed(session, presence);
    }

    void tell_directed(Session& session, const Stanza& presence) {
        auto& account = session.account();
        const auto& blocked = account.roster().blocked;
        for (const auto& target : std::exchange(session.slots().get<session::DirectedPresence>().to, {})) {
            const auto* item = account.roster().find(target.bare());
            if (target.same_bare(account.jid()) || (item && item->from)) continue;  // told already
            if (blocked.blocks(target)) continue;
            send_copy(presence, target);
        }
    }

    void send_copy(const Stanza& presence, const Jid& to) {
        Stanza copy = presence;
        copy.set_to(to);
        context_.route(std::move(copy));
    }

    void tell_presence(Account& account, const Jid& contact) {
        for (const auto* session : account.sessions()) {
            if (session->available()) send_copy(*session->presence(), contact);
        }
    }
    void tell_unavailable(Account& account, const Jid& contact) {
        for (const auto* session : account.sessions()) {
            if (session->available()) context_.route(Stanza::presence(session->jid(), contact, "unavailable"));
        }
    }

    /// Stores and pushes an item that has changed; one with nothing left to remember goes.
    void keep(Account& account, RosterItem& item) {
        auto& roster = account.roster();
        item.version = ++roster.version;
        if (item.listed) session::push_roster_item(account, item, false);
        if (session::is_empty(item)) {
            const Jid contact = item.jid;
            roster.items.erase(contact);
            context_.spawn(erase(account.jid(), contact, roster.version));
        } else {
            context_.spawn(store(account.jid(), item, roster.version));
        }
    }
    awaitable<void> store(Jid user, RosterItem item, std::uint64_t version) {
        co_await context_.storage().rosters().put(std::move(user), std::move(item), version);
    }
    awaitable<void> erase(Jid user, Jid contact, std::uint64_t version) {
        co_await context_.storage().rosters().remove(std::move(user), std::move(contact), version);
    }

    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor presence() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Presence>(context); }};
}

}  // namespace carillon::modules
