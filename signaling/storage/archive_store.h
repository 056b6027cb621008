/// What the message archive keeps on disk.
/// Spec: XEP-0313 1.1.3 §3 (what is kept), XEP-0441 (preferences).
/// Not here: which messages are archived (modules/archive).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "signaling/storage/archive_id.h"
#include "signaling/xmpp/custody.h"
#include "signaling/xmpp/jid.h"

namespace carillon::storage {

using boost::asio::awaitable;

struct ArchiveEntry {
    ArchiveId id;
    std::string owner;     ///< bare JID
    std::string peer;      ///< bare JID
    std::string resource;  ///< of the peer, if any
    std::string stanza;    ///< as a document
    /// Held until the entry is on disk: what it stands for is not settled before.
    xmpp::CustodyPtr custody;
    std::string text{};  ///< what a search looks at; empty: nothing
};

struct ArchivedMessage {
    ArchiveId id;
    std::string stanza;
};

struct ArchiveQuery {
    xmpp::Jid owner;
    std::optional<xmpp::Jid> with;  ///< a bare JID matches all its resources
    std::optional<WallTime> start;  ///< inclusive, both
    std::optional<WallTime> end;
    std::vector<ArchiveId> after;  ///< all exclusive; each must be in the archive
    std::vector<ArchiveId> before;
    std::vector<ArchiveId> ids;  ///< when there are some: only these
    std::string words;           ///< that the text has to have (archive_words.h); empty: any text or none
    bool newest_first = false;   ///< the page is taken from the end of what matches; 0 for `limit`: counts only
    std::size_t limit = 0;
};

struct ArchivePage {
    bool all_known = true;  ///< false: an id that was named is not in the archive, and the page is empty
    bool complete = true;   ///< nothing matches beyond this page, in the direction asked
    std::vector<ArchivedMessage> messages;  ///< oldest first
    std::uint64_t count = 0;                ///< of all that match; only when `limit` was 0
};

struct ArchiveEnds {
    ArchiveId first;
    ArchiveId last;
};

/// XEP-0441 §2.
struct ArchivePreferences {
    enum class Default : std::uint8_t { always, never, roster };
    Default otherwise = Default::always;
    std::set<xmpp::Jid> always;
    std::set<xmpp::Jid> never;
    friend bool operator==(const ArchivePreferences&, const ArchivePreferences&) = default;
};

class ArchiveStore {
  public:
    virtual ~ArchiveStore() = default;
    /// The id of a message that came now. Any thread.
    virtual ArchiveId make_id(WallTime now) = 0;
    /// Queues an entry; it is committed, with all that is queued by then, after the store's commit interval at the
    /// latest. Any thread. False: too much waits for the disk, and nothing is done.
    virtual bool append(ArchiveEntry entry) = 0;
    /// What was appended before is found.
    virtual awaitable<ArchivePage> query(ArchiveQuery query) = 0;
    virtual awaitable<std::optional<ArchiveEnds>> ends(xmpp::Jid owner) = 0;
    /// The owners after `last` in an order of the store's own, at most `limit`; `last` empty: from the beginning.
    virtual awaitable<std::vector<xmpp::Jid>> owners(std::string domain, xmpp::Jid last, std::size_t limit) = 0;
    /// Removes the oldest entries of one owner: those before `until`, and those beyond the newest `keep` (0: no bound).
    /// At most `limit` at a time; answers how many.
    virtual awaitable<std::size_t> expire(xmpp::Jid owner, WallTime until, std::size_t keep, std::size_t limit) = 0;
    /// When the oldest of an owner's newest entries came that have `octets` together at most, as stanzas. What is older
    /// is beyond that bound.
    virtual awaitable<WallTime> oldest_within(xmpp::Jid owner, std::uint64_t octets) = 0;

    /// Puts another text in the place of one message's, such as a tombstone (XEP-0424 §5). False: there is none such.
    virtual awaitable<bool> replace(xmpp::Jid owner, ArchiveId id, std::string stanza) = 0;

    /// Of all users of that domain who have some.
    virtual awaitable<std::map<xmpp::Jid, ArchivePreferences>> preferences(std::string domain) = 0;
    virtual awaitable<void> set_preferences(xmpp::Jid owner, ArchivePreferences preferences) = 0;
};

}  // namespace carillon::storage
