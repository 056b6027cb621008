/// How other servers are spoken to.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "config/base/secret.h"

namespace carillon::federation {

/// What holds for one domain and its subdomains, or for all that have no such rules of their own.
struct DomainPolicy {
    bool require_tls = true;
    bool require_certificate = false;  ///< of a trusted authority, made out to the domain
    bool dialback = true;              ///< a call back will do as proof
    bool bidi = true;                  ///< XEP-0288
    double octets_per_second = 0;      ///< read of all its streams together; 0: no bound
    double stanzas_per_second = 0;
    std::size_t stanza_octets = 512 * 1024;
    std::size_t streams = 50;            ///< that it has opened
    std::size_t queued_stanzas = 1'000;  ///< waiting for it
    std::size_t queued_octets = 4 * 1024 * 1024;
};

struct Options {
    DomainPolicy general;
    std::map<std::string, DomainPolicy, std::less<>> domains;
    std::vector<std::string> allow;  ///< domains; empty: all but the denied
    std::vector<std::string> deny;
    std::map<std::string, std::string, std::less<>> targets;  ///< domain -> "host:port" or "tls://host:port"
    Secret dialback_secret;
    std::chrono::milliseconds connect_timeout{5'000};  ///< for one address
    std::chrono::milliseconds open_timeout{30'000};    ///< from look-up to a stream that takes stanzas
    std::chrono::milliseconds write_timeout{60'000};
    std::chrono::milliseconds ack_timeout{30'000};  ///< what is not acknowledged by then is written to another stream
    std::chrono::seconds idle{600};                 ///< streams that carry nothing for so long are closed
    std::chrono::seconds back_off{10};              ///< after a failure, before the next attempt
    std::size_t connections_per_address = 50;
    std::size_t connections = 5'000;
    std::vector<std::string> balancers;  ///< addresses that begin with a PROXY header

    /// Of the longest domain configured that is `domain` or above it.
    const DomainPolicy& policy(std::string_view domain) const;
};

/// Whether stanzas may be exchanged with `domain`. "example.org" in a list covers its subdomains.
bool permitted(const Options& options, std::string_view domain);

}  // namespace carillon::federation
