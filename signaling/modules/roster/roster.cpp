/// The roster a user keeps: get, set, remove, versions, pushes.
/// Spec: RFC 6121 §2.
/// Not here: subscriptions (modules/presence).
#include "signaling/modules/roster/roster.h"

#include <algorithm>
#include <set>

#include "signaling/session/roster_push.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::RosterItem;
using xmpp::Jid;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "roster", .xep = 0, .version = "RFC 6121 §2", .summary = "contact lists, with versions"};
constexpr std::size_t kMaxText = 1023;  // of a name or group
constexpr std::size_t kMaxGroups = 64;

struct Wanted {
    Jid jid;
    std::string name;
    session::Groups groups;
    bool remove = false;
};

/// §2.3.3, §2.5.3: what a roster set may ask for.
std::expected<Wanted, StanzaError> read_set(const xml::Element& query, const Jid& user) {
    const auto items = query.children();
    if (items.size() != 1 || !items.front()->is("item", session::kRosterNs))
        return std::unexpected{StanzaError::bad_request()};
    const auto& item = *items.front();
    const auto jid = Jid::parse(item.attribute("jid"));
    if (!jid)
        return std::unexpected{item.has_attribute("jid") ? StanzaError::jid_malformed() : StanzaError::bad_request()};
    Wanted wanted{.jid = jid->bare(),
                  .name = std::string{item.attribute("name")},
                  .groups = {},
                  .remove = item.attribute("subscription") == "remove"};
    if (wanted.jid == user)
        return std::unexpected{StanzaError::not_allowed().with_text("you are not your own contact")};
    if (wanted.name.size() > kMaxText)
        return std::unexpected{StanzaError::not_acceptable().with_text("the name is too long")};
    std::set<std::string> seen;
    for (const auto* child : item.children()) {
        if (!child->is("group", session::kRosterNs)) continue;
        const auto group = child->text();
        if (group.empty() || group.size() > kMaxText)
            return std::unexpected{StanzaError::not_acceptable().with_text("a group's name is empty or too long")};
        if (!seen.insert(group).second)
            return std::unexpected{StanzaError::bad_request().with_text("a group is named twice")};
        wanted.groups.add(group);
    }
    if (seen.size() > kMaxGroups) return std::unexpected{StanzaError::not_acceptable().with_text("too many groups")};
    return wanted;
}

class Roster final : public Module {
  public:
    explicit Roster(ModuleContext& context) : context_{context} {
        hooks_ += context.stream_feature(xml::Element{"ver", "urn:xmpp:features:rosterver"});  // §2.6.1
        hooks_ += context.iq(Target::account, "get", session::kRosterNs, "query",
                             [this](const xmpp::Stanza& iq) { return get(iq); });
        hooks_ += context.iq_async(Target::account, "set", session::kRosterNs, "query",
                                   [this](const xmpp::Stanza& iq) { return set(iq); });
    }

  private:
    /// §2.1: a roster is its owner's alone.
    session::Account* owner(const xmpp::Stanza& iq) {
        if (!iq.to().empty() && !iq.to().same_bare(iq.from())) return nullptr;
        return context_.account(iq.from().bare());
    }

    IqReply get(const xmpp::Stanza& iq) {
        auto* account = owner(iq);
        if (!account) return std::unexpected{StanzaError::forbidden()};
        auto* asking = account->session(iq.from().resource());
        if (!asking) return std::unexpected{StanzaError::forbidden()};
        asking->set_interested();
        const auto& roster = account->roster();
        const auto version = std::to_string(roster.version);
        const auto* query = iq.payload();
        if (query->has_attribute("ver") && query->attribute("ver") == version)
            return std::nullopt;  // §2.6.2: unchanged
        xml::Element answer{"query", session::kRosterNs};
        if (query->has_attribute("ver")) answer.set("ver", version);
        for (const auto& item : roster.items) {
            if (item.listed) answer.append(session::roster_item(item));
        }
        return answer;
    }

    awaitable<IqReply> set(const xmpp::Stanza& iq) {
        auto* account = owner(iq);
        if (!account) co_return std::unexpected{StanzaError::forbidden()};
        const Jid user = account->jid();
        auto wanted = read_set(*iq.payload(), user);
        if (!wanted) co_return std::unexpected{wanted.error()};
        auto& roster = account->roster();
        auto* known = roster.find(wanted->jid);
        if (wanted->remove) {
            if (!known || !known->listed) co_return std::unexpected{StanzaError::item_not_found()};
            co_return co_await remove(*account, *known);
        }
        if (!known) {
            if (roster.items.size() >= session::kMaxRosterItems)
                co_return std::unexpected{StanzaError::not_allowed().with_text("the roster is full")};
            known = &roster.items.add({.jid = wanted->jid});
        }
        known->name = std::move(wanted->name);
        known->groups = std::move(wanted->groups);
        known->listed = true;
        known->version = ++roster.version;
        // In memory first, so that nobody sees a stored item that is not there yet; the answer waits for the disk.
        session::push_roster_item(*account, *known, false);
        RosterItem copy = *known;
        const auto version = roster.version;
        co_await context_.storage().rosters().put(user, std::move(copy), version);
        co_return std::nullopt;
    }

    /// §2.5.2: taking a contact off ends the subscriptions both ways.
    awaitable<IqReply> remove(session::Account& account, const RosterItem& item) {
        const Jid user = account.jid();
        const RosterItem gone = item;
        account.roster().items.erase(gone.jid);
        const auto version = ++account.roster().version;
        if (gone.to || gone.pending_out) context_.route(xmpp::Stanza::presence(user, gone.jid, "unsubscribe"));
        if (gone.from || gone.pending_in) context_.route(xmpp::Stanza::presence(user, gone.jid, "unsubscribed"));
        if (gone.from) {
            for (const auto* session : account.sessions()) {
                if (session->available())
                    context_.route(xmpp::Stanza::presence(session->jid(), gone.jid, "unavailable"));
            }
        }
        session::push_roster_item(account, gone, true);
        co_await context_.storage().rosters().remove(user, gone.jid, version);
        co_return std::nullopt;
    }

    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor roster() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Roster>(context); }};
}

}  // namespace carillon::modules
