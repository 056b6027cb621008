/// Whom a user has blocked, and whether an address is among them.
/// Spec: XEP-0191 1.3 §5 (JID matching).
/// Not here: the protocol and what is refused (modules/blocking), storage (storage/storage.h).
#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "signaling/xmpp/jid.h"

namespace carillon::xmpp {

/// Threading: a value. Almost every user's is empty, so an empty one is a null pointer.
class BlockList {
  public:
    static constexpr std::size_t kMax = 10'000;

    BlockList() = default;
    BlockList(const BlockList& other)
        : entries_{other.entries_ ? std::make_unique<Entries>(*other.entries_) : nullptr} {}
    BlockList(BlockList&&) = default;
    BlockList& operator=(BlockList other) noexcept {
        entries_ = std::move(other.entries_);
        return *this;
    }
    ~BlockList() = default;

    bool empty() const { return !entries_; }
    std::size_t size() const { return entries_ ? entries_->sorted.size() : 0; }
    bool contains(const Jid& entry) const;
    /// Whether an entry matches that address: itself, its bare JID, its domain with that resource, its domain.
    bool blocks(const Jid& address) const;
    /// False when it was there already.
    bool add(const Jid& entry);
    /// False when it was not there.
    bool remove(const Jid& entry);
    void clear() { entries_.reset(); }
    std::vector<Jid> entries() const { return entries_ ? entries_->sorted : std::vector<Jid>{}; }

    /// Whether any list in this process has an entry: while none has, nobody needs to look.
    static bool any_in_use() { return in_use_.load(std::memory_order_relaxed) != 0; }

  private:
    struct Entries {
        Entries() { in_use_.fetch_add(1, std::memory_order_relaxed); }
        Entries(const Entries& other) : sorted{other.sorted} { in_use_.fetch_add(1, std::memory_order_relaxed); }
        Entries& operator=(const Entries&) = delete;
        ~Entries() { in_use_.fetch_sub(1, std::memory_order_relaxed); }
        std::vector<Jid> sorted;
    };
    bool has(std::string_view text) const;

    static std::atomic<std::size_t> in_use_;
    std::unique_ptr<Entries> entries_;
};

/// Whether a JID that stands in a block list matches `address`.
bool matches(const Jid& entry, const Jid& address);

}  // namespace carillon::xmpp
