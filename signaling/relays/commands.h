/// The operators' commands relay.list, relay.drain, relay.resume.
/// Spec: docs/admin-protocol.md.
/// Not here: channels (calls/commands.h).
#pragma once
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "relay/api/connection.h"
#include "signaling/admin/registry.h"

namespace carillon::relays {

struct Workers {
    std::vector<std::string> addresses;
    relay::api::TlsFiles tls;  ///< for those of other machines
};

/// Speaks to each worker anew for each command, on `io`, where the commands run. Workers have the names of
/// worker_name().
void add_relay_commands(admin::Registry& registry, boost::asio::io_context& io, Workers workers);

}  // namespace carillon::relays
