/// SRTP of one benchmark endpoint, and how it comes to its keys when DTLS agrees on them.
/// Spec: RFC 3711, RFC 4568 (keys told), RFC 5764 (DTLS-SRTP), RFC 8445 (one check proves the endpoint's address).
/// Not here: when packets are sealed and opened (load.cpp).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "media/dtls/dtls_srtp.h"
#include "media/srtp/srtp_session.h"
#include "tests/bench/relay_load/endpoint.h"

namespace carillon::bench {

/// What the two ends of a call are.
enum class Legs { plain, sdes_cm, sdes_gcm, dtls, mixed };  ///< mixed: each of them in turn

struct Sealing {
    srtp::Session out;
    srtp::Session in;
};

/// Throws std::runtime_error when a key does not fit.
std::shared_ptr<Sealing> make_sealing(srtp::Profile profile, const std::vector<std::byte>& own,
                                      const std::vector<std::byte>& theirs);
std::vector<std::byte> random_key(srtp::Profile profile);

/// Sends one STUN check from a connected endpoint until it is answered: "theirs:ours" under `password`.
void prove(const Endpoint& end, const std::string& username, const std::string& password);
/// Shakes hands from a connected endpoint and seals it; throws std::runtime_error when that fails.
void shake_hands(Endpoint& end, const dtls::Identity& identity, dtls::Role role, const dtls::Fingerprint& remote);

}  // namespace carillon::bench
