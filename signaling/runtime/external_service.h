/// Services outside XMPP that clients are told of, put up by the program: STUN now.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace carillon::runtime {

struct ExternalService {
    std::string type;       ///< stun, stuns, turn, turns
    std::string transport;  ///< udp, tcp
    std::string host;       ///< name or numeric address; empty: the virtual host's domain
    std::uint16_t port = 0;
};

/// Registered as a service of the process; immutable once modules live.
struct ExternalServiceList {
    std::vector<ExternalService> services;
};

}  // namespace carillon::runtime
