/// What administrators may see of a user: the contacts, the last log-in.
/// Spec: XEP-0133 1.3.1 §4.8 (get-user-roster), §4.9 (get-user-lastlogin).
#pragma once
#include <optional>

#include "signaling/modules/administration/command.h"

namespace carillon::modules::administrative {

/// The contacts of an existing user, as the roster protocol has them.
runtime::awaitable<Outcome> show_roster(runtime::ModuleContext& context, xmpp::Jid user);

/// `since`: when the newest session of those that are there began. Of a user who is away it is told when they left.
runtime::awaitable<Outcome> show_last_login(runtime::ModuleContext& context, xmpp::Jid user,
                                            std::optional<WallTime> since);

}  // namespace carillon::modules::administrative
