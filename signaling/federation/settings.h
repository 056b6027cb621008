/// How other servers are spoken to.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "config/base/secret.h"

namespace carillon::federation {

struct Options {
    bool require_tls = true;
    bool require_certificate = false;  ///< dialback alone does not do
    std::vector<std::string> allow;    ///< domains; empty: all but the denied
    std::vector<std::string> deny;
    std::map<std::string, std::string, std::less<>> targets;  ///< domain -> "host:port" or "tls://host:port"
    Secret dialback_secret;
    std::chrono::milliseconds connect_timeout{5'000};  ///< for one address
    std::chrono::milliseconds open_timeout{30'000};    ///< from look-up to a stream that takes stanzas
    std::chrono::milliseconds write_timeout{60'000};
    std::chrono::seconds idle{600};      ///< streams that carry nothing for so long are closed
    std::chrono::seconds back_off{10};   ///< after a failure, before the next attempt
    std::size_t queued_stanzas = 1'000;  ///< waiting for one domain
    std::size_t queued_octets = 4 * 1024 * 1024;
    std::size_t stanza_octets = 512 * 1024;
    std::size_t connections_per_address = 50;
    std::size_t connections = 5'000;
};

/// Whether stanzas may be exchanged with `domain`. "example.org" in a list covers its subdomains.
bool permitted(const Options& options, std::string_view domain);

}  // namespace carillon::federation
