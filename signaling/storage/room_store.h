/// What is kept of rooms: enough to open them again after a restart.
/// Spec: XEP-0045 1.35.1 §5.2 (affiliations last), §10.2 (configuration).
/// Not here: messages of rooms (archive_store.h), what the texts hold (modules/muc).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "signaling/xmpp/jid.h"

namespace carillon::storage {

using boost::asio::awaitable;

struct StoredAffiliation {
    xmpp::Jid who;        ///< bare JID or domain
    int affiliation = 0;  ///< the module's number; 0: none, and nothing is kept
    std::string nick;     ///< reserved, or empty
    std::string reason;
    friend bool operator==(const StoredAffiliation&, const StoredAffiliation&) = default;
};

struct StoredRoom {
    xmpp::Jid room;  ///< bare JID
    xmpp::Jid creator;
    WallTime created{};
    bool persistent = false;
    std::string state;  ///< configuration and subject as a document
    std::string vcard;  ///< as a document, or empty
    std::vector<StoredAffiliation> affiliations{};
};

/// All writes are done in the order they were asked for.
class RoomStore {
  public:
    virtual ~RoomStore() = default;
    /// Rooms of that domain after `last` (empty: from the beginning), in order of their JIDs, at most `limit`.
    virtual awaitable<std::vector<StoredRoom>> load(std::string domain, xmpp::Jid last, std::size_t limit) = 0;
    /// Inserts or replaces all but affiliations and vCard.
    virtual awaitable<void> put(StoredRoom room) = 0;
    virtual awaitable<void> put_vcard(xmpp::Jid room, std::string vcard) = 0;
    /// Each is inserted, replaced or, when it is none and reserves no nick, removed; a room that is gone stays gone.
    virtual awaitable<void> put_affiliations(xmpp::Jid room, std::vector<StoredAffiliation> changed) = 0;
    /// With its archive.
    virtual awaitable<void> erase(xmpp::Jid room) = 0;
};

}  // namespace carillon::storage
