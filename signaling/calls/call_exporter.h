/// Where a copy of what is said and counted of calls goes, for somebody who watches them from outside.
/// Not here: in which format, and whereto (hep/).
#pragma once
#include <string_view>

#include "signaling/calls/media_relay.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::calls {

/// Whose call it is.
struct ExportedCall {
    std::string_view id;   ///< of the server's record
    std::string_view sid;  ///< Jingle's, which both ends know
};

/// Threading: any shard. Never waits, never fails: what cannot go is lost.
class CallExporter {
  public:
    virtual ~CallExporter() = default;
    /// A stanza of the call as it came from its sender, or as the server sends it itself.
    virtual void signalled(const ExportedCall& call, const xmpp::Stanza& stanza) = 0;
    /// What one side of one stream has sent so far. `heard_at`: the relay's address that it sends to.
    virtual void measured(const ExportedCall& call, std::string_view stream, Side from, const SideCounters& counters,
                          const jingle::RelayAddress& heard_at) = 0;
    /// What an end of a bridged stream reports by RTCP.
    virtual void reported(const ExportedCall& /*call*/, const MediaRelay::Rtcp& /*report*/,
                          const jingle::RelayAddress& /*heard_at*/) {}
};

}  // namespace carillon::calls
