/// The last messages of a room, at hand for those who enter.
/// Spec: XEP-0045 1.35.1 §7.2.13, §7.2.14 (managing history).
/// Not here: the archive (room_archive.cpp).
#pragma once
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "config/base/clock.h"
#include "signaling/storage/archive_id.h"
#include "signaling/xml/element.h"

namespace carillon::modules::rooms {

/// What somebody who enters wants of it. What cannot be read is as if it were not there.
struct HistoryRequest {
    std::optional<std::size_t> max_chars;  ///< of the stanzas as XML
    std::optional<std::size_t> max_stanzas;
    std::optional<WallTime> since;

    /// `x`: the <x/> of the presence; `seconds` is counted back from `now`.
    static HistoryRequest parse(const xml::Element& x, WallTime now);
};

struct PastMessage {
    xml::Element message;  ///< as it was sent, without 'to'
    WallTime when;
    storage::ArchiveId id;
    std::size_t octets = 0;
};

/// Threading: its room's shard.
class History {
  public:
    History(std::size_t messages, std::size_t octets) : max_messages_{messages}, max_octets_{octets} {}
    void add(xml::Element message, WallTime when, storage::ArchiveId id);
    /// Oldest first; at most `usual` unless the request names a number.
    std::vector<const PastMessage*> select(const HistoryRequest& request, std::size_t usual) const;
    void remove(const storage::ArchiveId& id);
    PastMessage* find(const storage::ArchiveId& id);
    /// Whether that occupant has said a message of that id.
    bool has(std::string_view occupant_id, std::string_view message_id) const;
    std::size_t size() const { return messages_.size(); }
    void clear();

  private:
    std::size_t max_messages_;
    std::size_t max_octets_;
    std::size_t octets_ = 0;
    std::deque<PastMessage> messages_;
};

}  // namespace carillon::modules::rooms
