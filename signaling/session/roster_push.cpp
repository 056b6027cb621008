#include "signaling/session/roster_push.h"

namespace carillon::session {

xml::Element roster_item(const RosterItem& item) {
    xml::Element element{"item", kRosterNs};
    element.set("jid", item.jid.str());
    if (!item.name.empty()) element.set("name", item.name);
    element.set("subscription", item.subscription());
    if (item.pending_out) element.set("ask", "subscribe");
    if (item.approved) element.set("approved", "true");
    for (const auto group : item.groups.names()) element.add("group").add_text(group);
    return element;
}

void push_roster_item(Account& account, const RosterItem& item, bool removed) {
    xml::Element query{"query", kRosterNs};
    query.set("ver", std::to_string(account.roster().version));
    if (removed) {
        query.add("item").set("jid", item.jid.str()).set("subscription", "remove");
    } else {
        query.append(roster_item(item));
    }
    for (auto* session : account.sessions()) {
        if (!session->interested()) continue;
        // §2.1.6: from the account itself, which is what a client without 'from' reads; ids need not be secret.
        auto push = xmpp::Stanza::iq("set", "push-" + std::to_string(account.roster().version), {}, session->jid());
        push.element().append(query);
        session->send(push.element());
    }
}

}  // namespace carillon::session
