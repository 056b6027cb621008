/// One stanza for many: made once, taken once to each shard, and only its addressee changes.
/// Not here: how it is delivered (router/router.h).
#pragma once
#include <vector>

#include "signaling/xmpp/stanza.h"

namespace carillon::runtime {

/// Threading: any shard.
class FanOut {
  public:
    virtual ~FanOut() = default;
    /// As if a copy of `stanza` were routed to each of `to`. On shard `shard`, the caller's; in order with what that
    /// shard routes otherwise. Interceptors may take a copy, and add or remove attributes and children of it.
    virtual void send(std::size_t shard, xmpp::Stanza stanza, std::vector<xmpp::Jid> to) = 0;
};

}  // namespace carillon::runtime
