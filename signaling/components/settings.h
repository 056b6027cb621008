/// Which components may connect, and within what bounds.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "config/base/secret.h"

namespace carillon::components {

struct Component {
    std::string domain;
    std::string name;  ///< shown in disco#items; may be empty
    Secret secret;
};

struct Options {
    std::vector<Component> components;
    bool replace = false;  ///< a second connection ends the first; else it is refused
    std::chrono::milliseconds handshake_timeout{30'000};
    std::chrono::milliseconds write_timeout{60'000};
    std::chrono::milliseconds away{5'000};  ///< what is for a component that has gone waits so long for its return
    double octets_per_second = 0;           ///< read of one component; 0: no bound
    double stanzas_per_second = 0;
    std::size_t queued_stanzas = 5'000;  ///< waiting for one component
    std::size_t queued_octets = 8 * 1024 * 1024;
    std::size_t stanza_octets = 512 * 1024;
    std::size_t connections_per_address = 50;
    std::size_t connections = 500;
};

}  // namespace carillon::components
