/// What both kinds of service do around the engine: read from storage, write to it, answer, send events.
/// Not here: what requests mean (signaling/pubsub), who is asked (pep.cpp, service.cpp).
#pragma once
#include <functional>
#include <memory>

#include "signaling/pubsub/requests.h"
#include "signaling/runtime/module.h"

namespace carillon::modules {

using ServicePtr = std::shared_ptr<pubsub::Service>;

/// Threading: its module's.
class ServiceDesk {
  public:
    ServiceDesk(runtime::ModuleContext& context, pubsub::Policy policy);

    const pubsub::Policy& policy() const { return policy_; }
    runtime::awaitable<ServicePtr> load(xmpp::Jid jid, bool personal);
    pubsub::Request request(const xmpp::Jid& from, const xml::Element* payload, bool set) const;
    /// Stores what has changed, then sends and answers. `failed`: what is in memory is not what is stored.
    runtime::awaitable<runtime::IqReply> finish(ServicePtr service, pubsub::Outcome outcome,
                                                std::function<void()> failed);
    /// The last item of each of those nodes, to one.
    runtime::awaitable<void> send_last(ServicePtr service, std::vector<pubsub::LastItem> items);

  private:
    void send(const xmpp::Jid& from, const xmpp::Jid& to, std::vector<xml::Element> payload, bool chat);
    void broadcast(const xmpp::Jid& from, const pubsub::Broadcast& event);
    runtime::awaitable<void> fill(ServicePtr service, pubsub::Fetch fetch, xml::Element& answer);

    runtime::ModuleContext& context_;
    pubsub::Policy policy_;
    runtime::Counter& events_;
};

/// Nodes, items and octets that a service may hold, as settings.
pubsub::Policy read_policy(runtime::ModuleContext& context, std::string_view module, pubsub::Policy policy);

}  // namespace carillon::modules
