/// The HT mechanisms: proof of a token that the server gave out, in one message each way.
/// Spec: draft-schmaus-kitten-sasl-ht-09 §3, XEP-0484 0.2.
/// Not here: which tokens a user has (storage/token_store.h), giving them out (stream/token_desk.h).
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/auth/scram.h"

namespace carillon::auth {

/// One mechanism of the family, by its name: HT-SHA-256-NONE, -UNIQ, -ENDP or -EXPR. Nothing: no such one, or the
/// channel lacks what it binds to.
struct HashedTokenMechanism {
    std::string channel_binding;  ///< octets; empty for -NONE
    static std::optional<HashedTokenMechanism> of(std::string_view name, const ChannelBindings& bindings);
};

struct InitiatorMessage {
    std::string authcid;
    std::string hashed_token;
};
/// authcid NUL hashed-token; nothing if it is not that.
std::optional<InitiatorMessage> read_initiator(std::string_view message);

/// Whether the initiator has that token. Takes the same time either way.
bool token_matches(std::string_view token, const HashedTokenMechanism& mechanism, std::string_view hashed_token);
/// What shows the initiator that we have it as well.
std::string responder_message(std::string_view token, const HashedTokenMechanism& mechanism);

}  // namespace carillon::auth
