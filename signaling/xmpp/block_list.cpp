#include "signaling/xmpp/block_list.h"

#include <algorithm>
#include <string>

namespace carillon::xmpp {

std::atomic<std::size_t> BlockList::in_use_{0};

bool matches(const Jid& entry, const Jid& address) {
    if (entry.domain() != address.domain()) return false;
    if (!entry.node().empty() && entry.node() != address.node()) return false;
    return entry.is_bare() || entry.resource() == address.resource();
}

bool BlockList::has(std::string_view text) const {
    const auto at = std::ranges::lower_bound(entries_->sorted, text, {},
                                             [](const auto& jid) -> std::string_view { return jid.str(); });
    return at != entries_->sorted.end() && at->str() == text;
}

bool BlockList::contains(const Jid& entry) const { return entries_ && has(entry.str()); }

/// §5, in its order.
bool BlockList::blocks(const Jid& address) const {
    if (!entries_) return false;
    if (has(address.str()) || has(address.domain())) return true;
    if (!address.node().empty() && address.is_full() && has(address.bare().str())) return true;
    if (address.node().empty() || address.is_bare()) return false;
    return has(std::string{address.domain()} + '/' + std::string{address.resource()});
}

bool BlockList::add(const Jid& entry) {
    if (contains(entry)) return false;
    if (!entries_) entries_ = std::make_unique<Entries>();
    entries_->sorted.insert(std::ranges::lower_bound(entries_->sorted, entry), entry);
    return true;
}

bool BlockList::remove(const Jid& entry) {
    if (!contains(entry)) return false;
    std::erase(entries_->sorted, entry);
    if (entries_->sorted.empty()) entries_.reset();
    return true;
}

}  // namespace carillon::xmpp
