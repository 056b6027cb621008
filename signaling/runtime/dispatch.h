/// What the servers of a shard do for its modules: the narrow door between runtime/ and router/, session/.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "signaling/runtime/liveness.h"
#include "signaling/runtime/module.h"

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
    /// Throws std::logic_error when the domain is served already.
    virtual Registration serve_domain(const xmpp::Jid& domain, DomainHandler handler) = 0;
};

}  // namespace carillon::runtime
