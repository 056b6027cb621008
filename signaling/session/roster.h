/// A user's roster in memory: items, the version of the whole, and whom the user has blocked.
/// Spec: RFC 6121 §2 (roster), §3 (subscriptions), appendix A (subscription states).
/// Not here: the state tables (xmpp/subscription.h), storage (storage/storage.h), the protocol (modules/roster).
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "signaling/xmpp/block_list.h"
#include "signaling/xmpp/jid.h"

namespace carillon::session {

struct RosterItem {
    xmpp::Jid jid;
    std::string name;
    std::vector<std::string> groups;
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

struct Roster {
    std::map<xmpp::Jid, RosterItem> items;  ///< by bare JID
    std::uint64_t version = 0;
    xmpp::BlockList blocked;  ///< XEP-0191; here because both are read in one go when the account loads

    const RosterItem* find(const xmpp::Jid& bare) const {
        const auto at = items.find(bare);
        return at == items.end() ? nullptr : &at->second;
    }
    RosterItem* find(const xmpp::Jid& bare) {
        const auto at = items.find(bare);
        return at == items.end() ? nullptr : &at->second;
    }
};

}  // namespace carillon::session
