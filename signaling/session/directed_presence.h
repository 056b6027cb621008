/// Whom a session has sent available presence directly: they hear of its end as well.
/// Spec: RFC 6121 §4.6.3.
#pragma once
#include <set>

#include "signaling/xmpp/jid.h"

namespace carillon::session {

/// Kept in a session's slots.
struct DirectedPresence {
    std::set<xmpp::Jid> to;
};

}  // namespace carillon::session
