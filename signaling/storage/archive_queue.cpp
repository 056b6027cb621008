#include "signaling/storage/archive_queue.h"

#include <algorithm>
#include <limits>

#include "signaling/storage/archive_words.h"

namespace carillon::storage {

std::int64_t jid_number(std::string_view bare) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const char c : bare) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return static_cast<std::int64_t>(hash);
}

namespace {

std::size_t octets_of(const ArchiveEntry& entry) {
    return sizeof entry + entry.stanza.size() + entry.owner.size() + entry.peer.size() + entry.resource.size() +
           entry.text.size();
}

/// Since when the owners are users or rooms: what is older was somebody's who had the name before, and was removed
/// meanwhile.
class Users {
  public:
    explicit Users(soci::session& sql)
        : select_{(sql.prepare << "SELECT created FROM users WHERE jid = :jid UNION ALL SELECT created FROM rooms "
                                  "WHERE jid = :room",
                   soci::use(jid_), soci::use(jid_), soci::into(created_))} {}
    /// Cheap when one owner's entries come together.
    bool owns(const ArchiveEntry& entry) {
        if (jid_ != entry.owner) {
            jid_ = entry.owner;
            if (!select_.execute(true)) created_ = std::numeric_limits<long long>::max();
        }
        return entry.id.time / 1000 > created_;
    }

  private:
    std::string jid_;
    long long created_ = 0;
    soci::statement select_;
};

}  // namespace

bool ArchiveQueue::append(ArchiveEntry entry) {
    const std::lock_guard lock{mutex_};
    const auto octets = octets_of(entry);
    if (octets_ + octets > kMaxOctets) return false;
    octets_ += octets;
    waiting_.push_back(std::move(entry));
    unwritten_.fetch_add(1, std::memory_order_release);
    if (!std::exchange(scheduled_, true)) schedule(kInterval);
    return true;
}

void ArchiveQueue::hurry() {
    if (!idle()) schedule(std::chrono::milliseconds{0});
}

void ArchiveQueue::schedule(std::chrono::milliseconds delay) {
    database_.write_later(
        delay, [self = shared_from_this()](soci::session& sql) { self->write(sql); },
        [self = shared_from_this()](bool committed) { self->written(committed); });
}

/// Moves what waits to the end of the batch. A batch that failed before goes first.
void ArchiveQueue::take() {
    const std::lock_guard lock{mutex_};
    scheduled_ = false;
    if (batch_.empty()) {
        batch_.swap(waiting_);
    } else {
        std::ranges::move(waiting_, std::back_inserter(batch_));
        waiting_.clear();
    }
}

void ArchiveQueue::write(soci::session& sql) {
    take();
    if (batch_.empty()) return;
    Users users{sql};
    long long owner = 0, id = 0, random = 0, peer = 0;
    std::string owner_jid, peer_jid, resource, stanza;
    soci::statement insert =
        (sql.prepare << "INSERT INTO archive (owner, id, random, peer, owner_jid, peer_jid, resource, stanza) VALUES "
                        "(:owner, :id, :random, :peer, :owner_jid, :peer_jid, :resource, :stanza) "
                        "ON CONFLICT DO NOTHING",
         soci::use(owner), soci::use(id), soci::use(random), soci::use(peer), soci::use(owner_jid), soci::use(peer_jid),
         soci::use(resource), soci::use(stanza));
    WordsWriter words{sql};
    long long last = 0;
    // By owner, as the indices are: neighbours go into the same pages, one after the other.
    std::vector<std::pair<std::int64_t, const ArchiveEntry*>> order;
    order.reserve(batch_.size());
    for (const auto& entry : batch_) order.emplace_back(jid_number(entry.owner), &entry);
    std::ranges::stable_sort(order, {}, [](const auto& each) { return each.first; });
    for (const auto& [number, at] : order) {
        const auto& entry = *at;
        last = std::max<long long>(last, entry.id.time);
        if (!users.owns(entry)) continue;
        owner = number;
        id = entry.id.time;
        random = entry.id.random;
        peer = jid_number(entry.peer);
        owner_jid = entry.owner;
        peer_jid = entry.peer;
        resource = entry.resource;
        stanza = entry.stanza;
        insert.execute(true);
        if (!entry.text.empty()) words.write(owner, id, entry.text);
    }
    // Where ids go on after a restart, even if the clock was set back meanwhile.
    sql << "UPDATE archive_clock SET last = :last WHERE last < :last2", soci::use(last), soci::use(last);
}

void ArchiveQueue::written(bool committed) {
    if (batch_.empty()) return;
    if (!committed && !closed_) {
        const std::lock_guard lock{mutex_};
        if (!std::exchange(scheduled_, true)) schedule(kRetry);
        return;
    }
    std::size_t octets = 0;
    for (const auto& entry : batch_) octets += octets_of(entry);
    {
        const std::lock_guard lock{mutex_};
        octets_ -= octets;
    }
    unwritten_.fetch_sub(batch_.size(), std::memory_order_release);
    batch_.clear();  // custody ends here
    if (batch_.capacity() > 4096) batch_.shrink_to_fit();
}

}  // namespace carillon::storage
