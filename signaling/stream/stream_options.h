/// How client streams are served; the same on every shard.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/base/secret.h"
#include "signaling/auth/login_throttle.h"
#include "signaling/stream/token_policy.h"

namespace carillon::stream {

struct StreamOptions {
    bool require_tls = true;                          ///< no log-in before STARTTLS
    std::chrono::milliseconds auth_timeout{30'000};   ///< from connection to bound resource
    std::chrono::milliseconds write_timeout{60'000};  ///< a client that takes nothing for so long is gone
    std::chrono::milliseconds close_timeout{3'000};   ///< for the client's half of the closing handshake
    std::chrono::seconds keepalive{150};              ///< white space after so long without output; 0: never
    std::chrono::seconds idle_ping{0};                ///< XEP-0199 ping after so long without input; 0: never
    std::chrono::seconds ping_timeout{60};
    std::size_t unauthenticated_stanza_bytes = 16 * 1024;
    std::size_t stanza_bytes = 256 * 1024;
    unsigned xml_depth = 64;
    unsigned xml_attributes = 64;
    std::size_t send_queue_bytes = 4 * 1024 * 1024;  ///< may wait for a client that takes nothing; bursts may be larger
    std::chrono::seconds resume_timeout{600};        ///< a lost stream may be resumed for so long (XEP-0198); 0: never
    std::chrono::seconds ack_timeout{90};            ///< a client that answers no <r/> for so long is gone
    std::size_t unacknowledged_stanzas = 10'000;     ///< may wait for a managed stream's acknowledgement
    std::string resume_location;                     ///< where to reconnect, "host:port"; empty: not told
    std::size_t octets_per_second = 0;               ///< read of a client; 0: any amount
    unsigned stanzas_per_second = 0;                 ///< likewise
    unsigned auth_attempts = 5;
    std::uint32_t scram_iterations = 10'000;  ///< what users who do not exist seem to have
    Secret decoy_secret;                      ///< of the server; resources and tokens are made with it, too
    auth::ThrottleLimits throttle;
    TokenPolicy tokens;
};

}  // namespace carillon::stream
