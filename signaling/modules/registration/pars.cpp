#include "signaling/modules/registration/pars.h"

#include "config/base/log.h"
#include "signaling/session/roster_push.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;

namespace {

constexpr std::string_view kPars = "urn:xmpp:pars:0";
constexpr int kPriority = 90;  // after what forbids, before subscriptions are dealt with
constexpr std::size_t kMaxAgreed = 10'000;
constexpr std::size_t kMaxToken = 63;
constexpr std::size_t kMaxChecks = 100;  // tokens being looked up; strangers can send as many as they like

bool is_preauth(const xml::Element& element) { return element.is("preauth", kPars); }

}  // namespace

Pars::Pars(ModuleContext& context) : context_{context} {
    hooks_ += context.intercept(Stage::to_local, kPriority, [this](Stanza& stanza) {
        return stanza.is_presence() && stanza.type() == "subscribe" ? to_local(stanza) : Verdict::pass;
    });
}

void Pars::introduce(const Jid& inviter, const Jid& user) {
    if (agreed_.size() < kMaxAgreed) agreed_.emplace(inviter, user);
    context_.route(Stanza::presence(user, inviter, "subscribe"));
}

Verdict Pars::to_local(Stanza& request) {
    const Jid user = request.to().bare();
    const Jid contact = request.from().bare();
    if (agreed_.erase({user, contact}) > 0) {
        if (auto* account = context_.account(user)) agree(*account, contact);
        return Verdict::pass;
    }
    const auto* preauth = request.element().child("preauth", kPars);
    if (!preauth) return Verdict::pass;
    std::string token{preauth->attribute("token")};
    request.element().remove_children_if(is_preauth);  // it is between these two; and it comes by here once more
    if (token.empty() || token.size() > kMaxToken || checks_ >= kMaxChecks) return Verdict::pass;
    ++checks_;
    context_.spawn(check(std::move(request), std::move(token)));
    return Verdict::taken;
}

/// A token that is none leaves a subscription request like any other.
awaitable<void> Pars::check(Stanza request, std::string token) {
    const Jid user = request.to().bare();
    try {
        auto& invites = context_.storage().invites();
        const auto invite = co_await invites.find(token);
        if (invite && invite->inviter == user && invite->expires > context_.clock().wall()) {
            const bool used = co_await invites.use(token);
            if (used && agreed_.size() < kMaxAgreed) agreed_.emplace(user, request.from().bare());
        }
    } catch (const storage::StorageError& error) {
        log::error("an invitation could not be looked up", {{"reason", error.what()}});
    }
    --checks_;
    context_.route(std::move(request));
}

/// §3.4: the request that follows finds itself approved; and the user asks in turn.
void Pars::agree(session::Account& account, const Jid& contact) {
    auto& roster = account.roster();
    auto* item = roster.find(contact);
    if (!item) {
        if (roster.items.size() >= session::kMaxRosterItems) return;
        item = &roster.items.add({.jid = contact});
    }
    item->listed = true;
    const bool asks = !item->to && !item->pending_out;
    if (asks) item->pending_out = true;
    if (item->from) {  // no state is left that presence would store
        if (asks) {
            item->version = ++roster.version;
            session::push_roster_item(account, *item, false);
            context_.spawn(store(account.jid(), contact));
        }
    } else {
        item->approved = true;
    }
    if (asks) context_.route(Stanza::presence(account.jid(), contact, "subscribe"));
}

awaitable<void> Pars::store(Jid user, Jid contact) {
    auto* account = context_.account(user);
    const auto* item = account ? account->roster().find(contact) : nullptr;
    if (!item) co_return;
    session::RosterItem copy = *item;
    const auto version = account->roster().version;
    co_await context_.storage().rosters().put(std::move(user), std::move(copy), version);
}

}  // namespace carillon::modules
