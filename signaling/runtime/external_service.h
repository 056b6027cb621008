/// Services outside XMPP that clients are told of, put up by the program: STUN and TURN.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/base/secret.h"

namespace carillon::runtime {

struct ExternalService {
    std::string type;       ///< stun, stuns, turn, turns
    std::string transport;  ///< udp, tcp
    std::string host;       ///< name or numeric address; empty: the virtual host's domain
    std::uint16_t port = 0;
    bool credentials = false;  ///< a time-limited user name and password go with it
};

/// Registered as a service of the process; immutable once modules live.
struct ExternalServiceList {
    std::vector<ExternalService> services;
    Secret turn_secret;                                ///< shared with the relay workers
    std::chrono::seconds credentials_lifetime{86400};  ///< clients ask once a log-in
};

}  // namespace carillon::runtime
