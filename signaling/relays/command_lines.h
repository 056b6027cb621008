/// From the configuration to the workers' command lines: sockets, shares of the port range, addresses.
/// Not here: what the options mean (relay/main.cpp).
#pragma once
#include <string>
#include <vector>

#include "config/settings.h"
#include "relay/api/connection.h"
#include "signaling/relays/supervisor.h"

namespace carillon::relays {

/// The server's own workers; none when relaying is off. `program` is carillon-relay's path.
std::vector<WorkerCommand> command_lines(const config::Settings& settings, const std::string& program);

/// Whether there is a TURN server at all.
bool serves_turn(const config::Settings& settings);
/// Whether it is served at the port of HTTPS as well, and the socket by which connections get there.
bool shares_https(const config::Settings& settings);
std::string turn_handover(const config::Settings& settings);
/// Where the TURN server finds its certificates, a file that lists them.
std::string turn_certificates_file(const config::Settings& settings);
/// Where the TURN server's secret is, for it and for who makes credentials; empty when there is no TURN server.
std::string turn_secret_file(const config::Settings& settings);

/// Control sockets of all workers, the server's own first, then those that somebody else runs.
std::vector<std::string> control_sockets(const config::Settings& settings);
/// What this server shows to workers of other machines.
relay::api::TlsFiles tls_files(const config::Settings& settings);

/// carillon-relay beside the running program.
std::string worker_program();

/// The address that endpoints are told for one that is bound: `bound` itself, or for a wildcard the machine's first
/// address of that family (not loopback unless there is no other); empty when it has none.
std::string address_to_tell(const std::string& bound);

}  // namespace carillon::relays
