/// The operator's commands about users, sessions, modules and the server as a whole.
/// Spec: docs/admin-protocol.md.
/// Not here: calls (calls/), relays (relays/), the socket (admin/).
#pragma once
#include <chrono>
#include <functional>

#include <boost/asio/thread_pool.hpp>
#include <boost/json/object.hpp>

#include "signaling/admin/registry.h"
#include "signaling/host/host.h"
#include "signaling/storage/storage.h"

namespace carillon::daemon {

/// What the commands work on; outlives the registry's handlers.
struct CommandContext {
    host::Host& host;
    storage::Storage& storage;
    boost::asio::thread_pool& blocking;                            ///< for what waits on shards
    std::function<void(boost::json::object& status)> more_status;  ///< adds what others know; runs on the pool
};

void add_user_commands(admin::Registry& registry, CommandContext& context);
void add_session_commands(admin::Registry& registry, CommandContext& context);
void add_module_commands(admin::Registry& registry, CommandContext& context);
void add_status_command(admin::Registry& registry, CommandContext& context);

}  // namespace carillon::daemon
