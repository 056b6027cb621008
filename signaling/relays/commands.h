/// The operators' commands relay.list, relay.drain, relay.resume.
/// Spec: docs/admin-protocol.md.
/// Not here: channels (calls/commands.h).
#pragma once
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "signaling/admin/registry.h"

namespace carillon::relays {

/// Speaks to each worker anew for each command, on `io`, where the commands run. A worker's name is its socket's,
/// without folder and ".sock".
void add_relay_commands(admin::Registry& registry, boost::asio::io_context& io, std::vector<std::string> sockets);

}  // namespace carillon::relays
