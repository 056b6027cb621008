/// The operator's commands about invitations.
/// Spec: docs/admin-protocol.md.
#pragma once
#include <functional>
#include <string>

#include "signaling/daemon/commands.h"
#include "signaling/runtime/web_address.h"

namespace carillon::daemon {

struct InviteFacts {
    runtime::WebAddress web;
    std::function<bool(const std::string& host)> registration;  ///< whether invitations let people register there
};

/// `facts` outlives the registry's handlers.
void add_invite_commands(admin::Registry& registry, CommandContext& context, const InviteFacts& facts);

}  // namespace carillon::daemon
