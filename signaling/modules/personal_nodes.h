/// A user's own publish-subscribe nodes as other modules use them: by the requests that the user could send.
/// Spec: XEP-0060 §6.5 (items), §7 (publish, retract), §8.2 (configuration); XEP-0163.
/// Not here: the nodes themselves (modules/pubsub).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::modules {

struct NodeItem {
    std::string id;
    std::optional<xml::Element> payload;
};

using NodeOptions = std::vector<std::pair<std::string, std::string>>;

/// Threading: its module's. Wait for none of it in a handler of the user's own requests (ask.h).
class PersonalNodes {
  public:
    explicit PersonalNodes(runtime::ModuleContext& context) : context_{context} {}
    /// Newest first as the node gives them; nothing when there is no such node. `id` empty: all, or `most` of them.
    runtime::awaitable<std::optional<std::vector<NodeItem>>> items(xmpp::Jid user, std::string node, std::string id,
                                                                   std::size_t most = 0);
    /// Makes the node with those options (without "pubsub#") when it is missing. False: refused.
    runtime::awaitable<bool> publish(xmpp::Jid user, std::string node, std::string id, xml::Element payload,
                                     NodeOptions options);
    runtime::awaitable<bool> retract(xmpp::Jid user, std::string node, std::string id);
    /// pubsub#access_model; empty when there is no such node.
    runtime::awaitable<std::string> access(xmpp::Jid user, std::string node);

  private:
    runtime::ModuleContext& context_;
};

/// What a user does to a node of their own with that IQ: publish, retract, purge, delete. The node's name, or empty.
std::string_view changed_node(const xmpp::Stanza& iq);

}  // namespace carillon::modules
