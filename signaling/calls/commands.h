/// The operators' commands call.* and relay.channel.*.
/// Spec: docs/admin-protocol.md.
/// Not here: workers (relay.list, relay.drain, relay.resume).
#pragma once
#include <boost/asio/thread_pool.hpp>

#include "signaling/admin/registry.h"
#include "signaling/calls/desk.h"
#include "signaling/storage/call_quality_store.h"

namespace carillon::calls {

/// What the commands stand on must outlive the registry's last command; `blocking` takes what waits on shards.
void add_call_commands(admin::Registry& registry, CallDesk& desk, storage::Storage& storage,
                       boost::asio::thread_pool& blocking);

}  // namespace carillon::calls
