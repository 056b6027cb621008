/// Rooms in memory for scenarios: same answers, no disk.
#pragma once
#include <algorithm>
#include <map>
#include <mutex>

#include "signaling/storage/room_store.h"

namespace carillon::scenarios {

using storage::awaitable;

/// Threading: any thread.
class MemoryRooms final : public storage::RoomStore {
  public:
    awaitable<std::vector<storage::StoredRoom>> load(std::string domain, xmpp::Jid last, std::size_t limit) override {
        const std::lock_guard lock{mutex_};
        std::vector<storage::StoredRoom> found;
        for (auto at = rooms_.upper_bound(last); at != rooms_.end() && found.size() < limit; ++at) {
            if (at->first.domain() == domain) found.push_back(at->second);
        }
        co_return found;
    }
    awaitable<void> put(storage::StoredRoom room) override {
        const std::lock_guard lock{mutex_};
        auto& mine = rooms_[room.room];
        room.affiliations = std::move(mine.affiliations);
        room.vcard = std::move(mine.vcard);
        mine = std::move(room);
        co_return;
    }
    awaitable<void> put_vcard(xmpp::Jid room, std::string vcard) override {
        const std::lock_guard lock{mutex_};
        if (const auto at = rooms_.find(room); at != rooms_.end()) at->second.vcard = std::move(vcard);
        co_return;
    }
    awaitable<void> put_affiliations(xmpp::Jid room, std::vector<storage::StoredAffiliation> changed) override {
        const std::lock_guard lock{mutex_};
        const auto at = rooms_.find(room);
        if (at == rooms_.end()) co_return;
        auto& list = at->second.affiliations;
        for (auto& each : changed) {
            std::erase_if(list, [&](const auto& old) { return old.who == each.who; });
            if (each.affiliation != 0 || !each.nick.empty()) list.push_back(std::move(each));
        }
    }
    awaitable<void> erase(xmpp::Jid room) override {
        const std::lock_guard lock{mutex_};
        rooms_.erase(room);
        co_return;
    }
    std::size_t size() {
        const std::lock_guard lock{mutex_};
        return rooms_.size();
    }

  private:
    std::mutex mutex_;
    std::map<xmpp::Jid, storage::StoredRoom> rooms_;
};

}  // namespace carillon::scenarios
