#include "signaling/session/subscription.h"

#include <tuple>

namespace carillon::session {
namespace {

auto state_of(const RosterItem& item) {
    return std::tuple{item.to, item.from, item.pending_out, item.pending_in, item.approved, item.listed};
}

}  // namespace

Effect outbound(RosterItem& item, Change change) {
    const auto before = state_of(item);
    Effect effect;
    switch (change) {
        case Change::subscribe:  // A.2.1: routed in every state
            effect.pass = true;
            if (!item.to) item.pending_out = true;
            item.listed = true;
            break;
        case Change::unsubscribe:  // A.2.2
            effect.pass = true;
            item.to = item.pending_out = false;
            break;
        case Change::subscribed:  // A.2.3
            if (item.pending_in) {
                effect.pass = effect.send_presence = true;
                item.pending_in = false;
                item.request.clear();
                item.from = item.listed = true;
            } else if (!item.from) {  // §3.4.2: nobody has asked yet: approved in advance
                item.approved = item.listed = true;
            }
            break;
        case Change::unsubscribed:  // A.2.4
            effect.pass = item.from || item.pending_in;
            effect.send_unavailable = item.from;
            item.from = item.pending_in = item.approved = false;
            item.request.clear();
            break;
    }
    effect.changed = state_of(item) != before;
    return effect;
}

Effect inbound(RosterItem& item, Change change, std::string_view request) {
    const auto before = state_of(item);
    Effect effect;
    switch (change) {
        case Change::subscribe:  // A.3.1
            if (item.from) {
                effect.auto_subscribed = true;  // §3.1.3: the contact has lost track of it
            } else if (item.approved) {         // §3.4.2
                effect.auto_subscribed = effect.send_presence = true;
                item.from = true;
                item.pending_in = false;
            } else if (!item.pending_in) {
                effect.pass = true;
                item.pending_in = true;
                item.request = request;
            }
            break;
        case Change::unsubscribe:  // A.3.2
            effect.pass = item.from || item.pending_in;
            effect.send_unavailable = item.from;
            item.from = item.pending_in = false;
            item.request.clear();
            break;
        case Change::subscribed:  // A.3.3: only what was asked for
            if (item.pending_out) {
                effect.pass = true;
                item.pending_out = false;
                item.to = true;
            }
            break;
        case Change::unsubscribed:  // A.3.4
            effect.pass = item.to || item.pending_out;
            item.to = item.pending_out = false;
            break;
    }
    effect.changed = state_of(item) != before;
    return effect;
}

bool is_empty(const RosterItem& item) {
    return !item.listed && !item.pending_in && !item.from && !item.to && !item.pending_out;
}

}  // namespace carillon::session
