/// Who is at which address: what legs on a shared port have proved, found again for every packet.
/// Not here: what a proof is (bridge/ice_lite.h), how many addresses a leg may have (ice_seat.h).
#pragma once
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "config/base/clock.h"
#include "relay/learning/path.h"

namespace carillon::relay {

class IceSeat;

/// Open addressing, at most half full; a seed keeps strangers from choosing addresses that meet.
/// Threading: its shard.  Allocates only when it grows, which is when addresses are proved.
class AddressTable {
  public:
    struct Entry {
        Path path;
        IceSeat* holder = nullptr;  ///< null: the place is free
        SteadyTime heard{};
    };

    AddressTable() : entries_(kSmallest) {
        std::random_device random;
        seed_ = (std::uint64_t{random()} << 32 | random()) | 1;
    }

    /// Good until the next put() or erase(); nullptr: nobody has proved it.
    Entry* find(const Path& path) {
        for (auto at = home(path);; at = next(at)) {
            auto& entry = entries_[at];
            if (!entry.holder) return nullptr;
            if (entry.path == path) return &entry;
        }
    }

    void put(const Path& path, IceSeat& holder, SteadyTime now) {
        if (auto* known = find(path)) {
            *known = {path, &holder, now};
            return;
        }
        if (2 * (count_ + 1) > entries_.size()) grow();
        insert({path, &holder, now});
        ++count_;
    }

    void erase(const Path& path) {
        auto* entry = find(path);
        if (!entry) return;
        --count_;
        // Those behind it move up, as far as their home allows: no tombstones.
        auto hole = static_cast<std::size_t>(entry - entries_.data());
        for (auto at = next(hole); entries_[at].holder; at = next(at)) {
            const auto wanted = home(entries_[at].path);
            const bool stays = hole < at ? (wanted > hole && wanted <= at) : (wanted > hole || wanted <= at);
            if (stays) continue;
            entries_[hole] = entries_[at];
            hole = at;
        }
        entries_[hole] = {};
    }

    std::size_t size() const { return count_; }

  private:
    static constexpr std::size_t kSmallest = 64;

    std::size_t next(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }

    std::size_t home(const Path& path) const {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, path.address.ip.data(), sizeof high);
        std::memcpy(&low, path.address.ip.data() + sizeof high, sizeof low);
        const std::uint64_t rest =
            std::uint64_t{path.address.port} << 16 | std::uint64_t{path.address.v6} << 8 | path.socket;
        auto mixed = (high ^ seed_) * 0x9E37'79B9'7F4A'7C15;
        mixed = ((mixed ^ mixed >> 32) + low) * 0xBF58'476D'1CE4'E5B9;
        mixed = ((mixed ^ mixed >> 29) + rest) * (seed_ | 1);
        return static_cast<std::size_t>(mixed ^ mixed >> 32) & (entries_.size() - 1);
    }

    void insert(const Entry& entry) {
        auto at = home(entry.path);
        while (entries_[at].holder) at = next(at);
        entries_[at] = entry;
    }

    void grow() {
        std::vector<Entry> before(entries_.size() * 2);
        before.swap(entries_);
        for (const auto& entry : before)
            if (entry.holder) insert(entry);
    }

    std::vector<Entry> entries_;  // a power of two
    std::size_t count_ = 0;
    std::uint64_t seed_ = 0;
};

}  // namespace carillon::relay
