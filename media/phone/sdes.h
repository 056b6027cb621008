/// SRTP keys told in the clear of the signalling: made, written and read.
/// Spec: RFC 4568 §6.1, §9; XEP-0167 §7.
/// Not here: which is chosen (session.h), using them (media_session.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "media/dtls/dtls_srtp.h"
#include "media/phone/jingle.h"

namespace carillon::phone {

/// A fresh key for each suite this phone takes, best first.
std::vector<Crypto> make_cryptos();
/// The first of theirs whose suite is among ours: ours with its tag, and theirs.
struct AgreedCrypto {
    Crypto local, remote;
};
std::optional<AgreedCrypto> choose_crypto(const std::vector<Crypto>& own, const std::vector<Crypto>& theirs);
/// What one of ours was answered with: same tag, same suite.
std::optional<AgreedCrypto> match_crypto(const std::vector<Crypto>& own, const std::vector<Crypto>& answered);
/// nullopt: a key is not what its suite wants, or has an MKI, which this phone does not do.
std::optional<dtls::SrtpKeys> to_keys(const AgreedCrypto& agreed);

}  // namespace carillon::phone
