/// Jingle Relay Nodes: users get a relay channel of their own from the server.
/// Spec: XEP-0278 0.5 §3 (services, channel), §5 (support).
/// Not here: TURN credentials (XEP-0215 has them), the channels themselves (channels.h).
#pragma once
#include <memory>

#include "signaling/calls/channels.h"
#include "signaling/calls/switchboard.h"
#include "signaling/runtime/module.h"

namespace carillon::calls {

/// Threading: one instance a shard, on that shard.
class JingleNodes final : public runtime::Module {
  public:
    explicit JingleNodes(runtime::ModuleContext& context);
    ~JingleNodes() override;

    Channels& channels() { return channels_; }
    /// Keeps expiry running; after every channel opened.
    void keep_watch();

  private:
    runtime::IqReply services(const xmpp::Stanza& iq) const;
    runtime::awaitable<runtime::IqReply> channel(const xmpp::Stanza& iq);

    runtime::ModuleContext& context_;
    std::shared_ptr<ShardCalls> shard_;
    Channels channels_;
    bool watching_ = false;
    runtime::Registration timer_;
    runtime::Registrations hooks_;  // declared last: handlers go away before what they use
};

runtime::ModuleDescriptor jingle_nodes_module();

}  // namespace carillon::calls
