/// How the relay speaks to one side of a bridged stream, as another endpoint of its own.
/// Not here: negotiating it (bridging.h).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "relay/api/client.h"
#include "signaling/jingle/jingle.h"

namespace carillon::calls {

using Protection = relay::api::Protection;  // none, SDES, DTLS

/// What a leg speaks: XEP-0176 or XEP-0177, and how its media is protected.
struct Manner {
    bool ice = true;
    Protection protection = Protection::dtls;
    bool must_encrypt = false;  ///< SDES: plain RTP is no way out
    friend bool operator==(const Manner&, const Manner&) = default;
};

/// "ice-udp dtls", "raw-udp".
std::string to_string(const Manner& manner);

/// A key of ours, told to the side.
struct OwnCrypto {
    std::string tag;
    std::string suite;
    std::vector<std::byte> key_and_salt;
};

struct BridgeLeg {
    Manner manner;
    jingle::IceCredentials own;        ///< what the side is told of the relay
    bool controlling = false;          ///< the side waits to be nominated
    bool offers_mux = false;           ///< rtcp-mux stands in what the side is told
    bool mux = false;                  ///< agreed with the side
    bool restarted = false;            ///< `own` has changed, the side has still to be told
    std::string setup;                 ///< DTLS: ours; actpass, active or passive
    std::vector<OwnCrypto> cryptos;    ///< SDES: told to the side
    relay::api::LegSecurity security;  ///< agreed so far
    /// What comes in from the side as the first is the second for the other side.
    std::map<std::uint8_t, std::uint8_t> payload_types;
};

}  // namespace carillon::calls
