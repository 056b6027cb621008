/// Where stanzas for domains that are not served here go.
/// Not here: how they get there (federation/).
#pragma once
#include "signaling/xmpp/stanza.h"

namespace carillon::runtime {

/// Threading: any shard.
class Foreign {
  public:
    virtual ~Foreign() = default;
    /// Takes the stanza on, or has it bounced later; in order for one sender and one domain. `shard`: the caller's.
    virtual void send(std::size_t shard, xmpp::Stanza stanza) = 0;
    /// Whether stanzas for `domain` would be given to send(): nobody serves it here. On the shard `shard`.
    virtual bool reaches(std::size_t shard, std::string_view domain) const = 0;
};

}  // namespace carillon::runtime
