/// What is kept of the tokens that clients may log in with. The token itself is not: it is made anew from the salt and
/// a secret that lies outside the database (stream/token_desk.h). Spec: XEP-0484 0.2 §4.2 (two at most for one client:
/// one in use, and a fresh one it may not have received).
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "signaling/xmpp/jid.h"

namespace carillon::storage {

using boost::asio::awaitable;

struct StoredToken {
    std::string mechanism;
    std::string salt;
    WallTime issued{};
    WallTime expires{};
    bool fresh = true;  ///< not used yet
};

class TokenStore {
  public:
    virtual ~TokenStore() = default;
    /// Those of one client, the fresh one first.
    virtual awaitable<std::vector<StoredToken>> load(xmpp::Jid user, std::string client) = 0;
    /// Takes the place of the fresh one. Of the user's others those that have expired go, and those of the clients that
    /// were given one longest ago, so that `limit` clients remain.
    virtual awaitable<void> put(xmpp::Jid user, std::string client, StoredToken token, std::size_t limit) = 0;
    /// The fresh one has been used: the one before it goes.
    virtual awaitable<void> promote(xmpp::Jid user, std::string client) = 0;
    /// All of that client's; of all clients when it is empty.
    virtual awaitable<void> erase(xmpp::Jid user, std::string client) = 0;
};

}  // namespace carillon::storage
