/// What the servers of a shard do for its modules: the narrow door between runtime/ and router/, session/.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "signaling/runtime/liveness.h"
#include "signaling/runtime/module.h"
#include "signaling/session/roster.h"

namespace carillon::runtime {

/// Threading: its shard.
class Dispatch {
  public:
    using Answered = std::function<void(std::optional<xmpp::Stanza> answer)>;
    using DomainHandler = std::function<void(xmpp::Stanza)>;

    virtual ~Dispatch() = default;
    /// Queues for delivery; runs after the caller has returned to the loop or to the router.
    virtual void route(xmpp::Stanza stanza) = 0;
    virtual void ask(xmpp::Stanza iq, std::chrono::milliseconds deadline, std::shared_ptr<Liveness> owner,
                     Answered done) = 0;
    virtual session::Account* account(const xmpp::Jid& bare) = 0;
    virtual std::shared_ptr<void> hold(const xmpp::Jid& bare) = 0;
    /// That user was made in storage.
    virtual void account_made(const xmpp::Jid& bare) = 0;
    /// That user was removed from storage: contacts, modules and sessions learn of it once work in hand is done.
    virtual void account_removed(const xmpp::Jid& bare, session::Roster roster) = 0;
    /// Throws std::logic_error when the domain is served already.
    virtual Registration serve_domain(const xmpp::Jid& domain, DomainHandler handler) = 0;
};

}  // namespace carillon::runtime
