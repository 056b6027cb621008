/// Gives out the tokens that clients may log in with, and knows them again.
/// A token is a keyed hash of its salt, its owner and its mechanism: the database alone gives nobody a token.
/// Spec: XEP-0484 0.2 §3.3 (giving), §3.5 (rotation), §3.6 (invalidation), §4.2.
/// Not here: how a token is shown (auth/hashed_token.h), keeping them (storage/token_store.h).
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "config/base/secret.h"
#include "signaling/auth/sasl_server.h"
#include "signaling/storage/token_store.h"
#include "signaling/stream/token_policy.h"

namespace carillon::stream {

using boost::asio::awaitable;

/// Threading: one shard.
class TokenDesk {
  public:
    TokenDesk(TokenPolicy policy, Secret secret, const Clock& clock)
        : policy_{policy}, secret_{std::move(secret)}, clock_{clock} {}

    bool open() const { return policy_.lifetime.count() > 0; }

    struct Shown {
        std::vector<storage::StoredToken> stored;
        std::vector<auth::TokenCandidate> candidates;  ///< of each
    };
    /// What a client may have meant by a token for that mechanism.
    awaitable<Shown> known(storage::TokenStore& store, xmpp::Jid user, std::string client, std::string mechanism);
    /// A new one, as the element for <success/>.
    awaitable<std::string> issue(storage::TokenStore& store, xmpp::Jid user, std::string client, std::string mechanism);
    /// The client has logged in by this one.
    awaitable<void> used(storage::TokenStore& store, xmpp::Jid user, std::string client, storage::StoredToken token);
    bool due(const storage::StoredToken& token) const { return clock_.wall() - token.issued >= policy_.rotation; }

  private:
    Secret token_of(const xmpp::Jid& user, std::string_view client, const storage::StoredToken& stored) const;

    TokenPolicy policy_;
    Secret secret_;
    const Clock& clock_;
};

}  // namespace carillon::stream
