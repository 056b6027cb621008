/// Subscriptions that an invitation has approved in advance, on the inviter's side.
/// Spec: XEP-0379 0.3.3 §3.4, §3.5 (done by the server).
/// Not here: what the states do (modules/presence): this only says yes beforehand.
#pragma once
#include <set>
#include <utility>

#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Threading: its module's shard.
class Pars {
  public:
    explicit Pars(runtime::ModuleContext& context);

    /// `user`, of this shard, becomes a contact of `inviter`'s: asks, is accepted, and is asked in turn.
    void introduce(const xmpp::Jid& inviter, const xmpp::Jid& user);

  private:
    runtime::Verdict to_local(xmpp::Stanza& stanza);
    runtime::awaitable<void> check(xmpp::Stanza request, std::string token);
    void agree(session::Account& account, const xmpp::Jid& contact);
    runtime::awaitable<void> store(xmpp::Jid user, xmpp::Jid contact);

    runtime::ModuleContext& context_;
    std::set<std::pair<xmpp::Jid, xmpp::Jid>> agreed_;  // user and contact, until the request arrives
    std::size_t checks_ = 0;
    runtime::Registrations hooks_;
};

}  // namespace carillon::modules
