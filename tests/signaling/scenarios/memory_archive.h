/// The message archive in memory for scenarios: same answers, no disk. A full disk can be asked for.
#pragma once
#include <algorithm>
#include <atomic>
#include <mutex>

#include "signaling/storage/archive_store.h"

namespace carillon::scenarios {

using storage::awaitable;

/// Threading: any thread.
class MemoryArchive final : public storage::ArchiveStore {
  public:
    std::atomic<bool> full{false};

    storage::ArchiveId make_id(WallTime now) override {
        const std::lock_guard lock{mutex_};
        const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
        last_ = std::max<std::int64_t>(last_ + 1, time);
        return {last_, last_ * 7};
    }
    bool append(storage::ArchiveEntry entry) override {
        if (full) return false;
        const std::lock_guard lock{mutex_};
        entry.custody.reset();
        if (known(entry.owner, entry.id)) return true;
        entries_.push_back(std::move(entry));
        std::ranges::sort(entries_, {}, [](const auto& each) { return each.id.time; });
        return true;
    }
    awaitable<storage::ArchivePage> query(storage::ArchiveQuery query) override {
        const std::lock_guard lock{mutex_};
        storage::ArchivePage page;
        for (const auto* list : {&query.after, &query.before, &query.ids}) {
            for (const auto& id : *list) page.all_known = page.all_known && known(query.owner.str(), id);
        }
        if (!page.all_known) co_return page;
        std::vector<storage::ArchivedMessage> found;
        for (const auto& entry : entries_) {
            if (matches(entry, query)) found.push_back({entry.id, entry.stanza});
        }
        page.count = found.size();
        page.complete = found.size() <= query.limit;
        if (!page.complete && query.newest_first) {
            found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(query.limit));
        } else if (!page.complete) {
            found.resize(query.limit);
        }
        page.messages = std::move(found);
        co_return page;
    }
    awaitable<std::optional<storage::ArchiveEnds>> ends(xmpp::Jid owner) override {
        const std::lock_guard lock{mutex_};
        std::optional<storage::ArchiveEnds> ends;
        for (const auto& entry : entries_) {
            if (entry.owner != owner.str()) continue;
            if (!ends) ends = {entry.id, entry.id};
            ends->last = entry.id;
        }
        co_return ends;
    }
    awaitable<std::vector<xmpp::Jid>> owners(std::string domain, xmpp::Jid last, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        std::set<xmpp::Jid> all;
        for (const auto& entry : entries_) {
            auto jid = xmpp::Jid::parse(entry.owner).value();
            if (jid.domain() == domain && jid > last && all.size() < limit) all.insert(std::move(jid));
        }
        co_return std::vector<xmpp::Jid>(all.begin(), all.end());
    }
    awaitable<std::size_t> expire(xmpp::Jid owner, WallTime until, std::size_t keep, std::size_t) override {
        const std::lock_guard lock{mutex_};
        const auto mine = [&](const auto& entry) { return entry.owner == owner.str(); };
        auto excess = static_cast<std::ptrdiff_t>(keep == 0 ? 0 : std::ranges::count_if(entries_, mine)) -
                      static_cast<std::ptrdiff_t>(keep);
        co_return std::erase_if(entries_, [&](const auto& entry) {
            return mine(entry) && (entry.id.when() < until || (keep != 0 && excess-- > 0));
        });
    }
    awaitable<WallTime> oldest_within(xmpp::Jid owner, std::uint64_t octets) override {
        const std::lock_guard lock{mutex_};
        std::uint64_t seen = 0;
        for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) {
            if (at->owner != owner.str()) continue;
            seen += at->stanza.size();
            if (seen > octets) co_return at->id.when() + std::chrono::microseconds{1};
        }
        co_return WallTime{};
    }
    awaitable<bool> replace(xmpp::Jid owner, storage::ArchiveId id, std::string stanza) override {
        const std::lock_guard lock{mutex_};
        for (auto& entry : entries_) {
            if (entry.owner != owner.str() || entry.id != id) continue;
            entry.stanza = std::move(stanza);
            co_return true;
        }
        co_return false;
    }
    awaitable<std::map<xmpp::Jid, storage::ArchivePreferences>> preferences(std::string domain) override {
        const std::lock_guard lock{mutex_};
        auto found = preferences_;
        std::erase_if(found, [&](const auto& each) { return each.first.domain() != domain; });
        co_return found;
    }
    awaitable<void> set_preferences(xmpp::Jid owner, storage::ArchivePreferences preferences) override {
        const std::lock_guard lock{mutex_};
        preferences_[owner] = std::move(preferences);
        co_return;
    }

  private:
    bool known(const std::string& owner, const storage::ArchiveId& id) const {
        return std::ranges::any_of(entries_, [&](const auto& entry) { return entry.owner == owner && entry.id == id; });
    }
    static bool matches(const storage::ArchiveEntry& entry, const storage::ArchiveQuery& query) {
        if (entry.owner != query.owner.str()) return false;
        if (query.with && entry.peer != query.with->bare().str()) return false;
        if (!query.words.empty() && !entry.text.contains(query.words)) return false;
        if (query.with && query.with->is_full() && entry.resource != query.with->resource()) return false;
        if (query.start && entry.id.when() < *query.start) return false;
        if (query.end && entry.id.when() >= *query.end + std::chrono::milliseconds{1}) return false;
        const auto is_later = [&](const auto& id) { return entry.id.time > id.time; };
        const auto is_earlier = [&](const auto& id) { return entry.id.time < id.time; };
        return std::ranges::all_of(query.after, is_later) && std::ranges::all_of(query.before, is_earlier) &&
               (query.ids.empty() || std::ranges::find(query.ids, entry.id) != query.ids.end());
    }

    std::mutex mutex_;
    std::vector<storage::ArchiveEntry> entries_;
    std::map<xmpp::Jid, storage::ArchivePreferences> preferences_;
    std::int64_t last_ = 0;
};

}  // namespace carillon::scenarios
