/// A user's roster in memory: items, the version of the whole, and whom the user has blocked.
/// Spec: RFC 6121 §2 (roster), §3 (subscriptions), appendix A (subscription states).
/// Not here: the state tables (xmpp/subscription.h), storage (storage/storage.h), the protocol (modules/roster).
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/xmpp/block_list.h"
#include "signaling/xmpp/jid.h"

namespace carillon::session {

/// The names of an item's groups, in one string: most contacts are in one group or none.
class Groups {
  public:
    Groups() = default;
    Groups(std::initializer_list<std::string_view> names) {
        for (const auto name : names) add(name);
    }
    bool empty() const { return text_.empty(); }
    void add(std::string_view name) { (text_ += name) += kEnd; }
    std::vector<std::string_view> names() const {
        std::vector<std::string_view> list;
        for (std::string_view rest = text_; !rest.empty();) {
            const auto length = rest.find(kEnd);
            list.push_back(rest.substr(0, length));
            rest.remove_prefix(length + 1);
        }
        return list;
    }
    bool operator==(const Groups&) const = default;

  private:
    static constexpr char kEnd = '\0';  // which XML cannot carry
    std::string text_;
};

struct RosterItem {
    xmpp::Jid jid;
    std::string name;
    Groups groups;
    bool to = false;            ///< the user sees the contact's presence
    bool from = false;          ///< the contact sees the user's presence
    bool pending_out = false;   ///< ask='subscribe'
    bool pending_in = false;    ///< the contact waits for an answer; such an item alone is not shown in the roster
    bool approved = false;      ///< pre-approved (RFC 6121 §3.4)
    bool listed = true;         ///< false: only a pending_in waits here, it is not a roster item of the user's
    std::string request;        ///< the stored <presence type='subscribe'/> of pending_in, as XML
    std::uint64_t version = 0;  ///< roster version at which the item last changed

    std::string_view subscription() const { return to && from ? "both" : to ? "to" : from ? "from" : "none"; }
};

/// Of one user, strangers' requests included.
inline constexpr std::size_t kMaxRosterItems = 10'000;

/// Items by bare JID; an item stays where it is until it is erased.
class RosterItems {
  public:
    auto begin() const { return items_.begin(); }
    auto end() const { return items_.end(); }
    std::size_t size() const { return items_.size(); }
    bool empty() const { return items_.empty(); }
    const RosterItem* find(const xmpp::Jid& bare) const {
        const auto at = items_.find(bare);
        return at == items_.end() ? nullptr : &*at;
    }
    RosterItem* find(const xmpp::Jid& bare) { return const_cast<RosterItem*>(std::as_const(*this).find(bare)); }
    /// The item of that JID: this one, unless there was one already. Its jid must never change.
    RosterItem& add(RosterItem item) { return const_cast<RosterItem&>(*items_.insert(std::move(item)).first); }
    void erase(const xmpp::Jid& bare) {
        if (const auto at = items_.find(bare); at != items_.end()) items_.erase(at);
    }

  private:
    struct ByJid {
        using is_transparent = void;
        bool operator()(const RosterItem& a, const RosterItem& b) const { return a.jid < b.jid; }
        bool operator()(const RosterItem& a, const xmpp::Jid& b) const { return a.jid < b; }
        bool operator()(const xmpp::Jid& a, const RosterItem& b) const { return a < b.jid; }
    };
    std::set<RosterItem, ByJid> items_;
};

struct Roster {
    RosterItems items;
    std::uint64_t version = 0;
    xmpp::BlockList blocked;  ///< XEP-0191; here because both are read in one go when the account loads

    const RosterItem* find(const xmpp::Jid& bare) const { return items.find(bare); }
    RosterItem* find(const xmpp::Jid& bare) { return items.find(bare); }
};

}  // namespace carillon::session
