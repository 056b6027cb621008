/// Users who come and go while the server runs: what storage does not tell the shards by itself.
/// Not here: the protocol (modules/registration), the operator's commands (daemon/user_commands.cpp).
#pragma once
#include "signaling/runtime/environment.h"
#include "signaling/runtime/module.h"

namespace carillon::runtime {

/// After the user was made in storage. Threading: any.
void account_made(const Environment& environment, const xmpp::Jid& bare);

/// Removes the user from storage, ends subscriptions both ways and then the sessions; modules hear of it
/// (SessionEvents::removed). False when there is no such user. What has been asked of the account before is done first.
/// Threading: any executor; what follows happens on the owner's shard.
awaitable<bool> remove_account(const Environment& environment, xmpp::Jid bare);

}  // namespace carillon::runtime
