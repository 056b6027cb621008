/// Whom a user has blocked neither reaches nor sees that user; reports of spam and abuse go to the operator's log.
/// Spec: XEP-0191 1.3, XEP-0377 0.4.0.
/// Not here: matching (xmpp/block_list.h); presence that the server itself sends in a user's name (modules/presence)
/// and stored messages (modules/offline), which look at the same list.
#include "signaling/modules/blocking/blocking.h"

#include <algorithm>
#include <vector>

#include "config/base/log.h"
#include "signaling/session/directed_presence.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::Session;
using xmpp::BlockList;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "blocking", .xep = 191, .version = "1.3", .summary = "block lists, with reports of spam and abuse"};
constexpr std::string_view kNs = "urn:xmpp:blocking";
constexpr std::string_view kReporting = "urn:xmpp:reporting:1";
constexpr int kPriority = -1000;  // before anybody else looks at a stanza
constexpr std::size_t kMaxReportText = 1000;
constexpr std::size_t kMaxReports = 20;  // of one command

/// The session asked for the list and is told of changes.
struct Watches {};

/// An <item/> and what stands in it.
struct Item {
    Jid jid;
    const xml::Element* report = nullptr;
};

std::expected<std::vector<Item>, StanzaError> read_items(const xml::Element& command) {
    std::vector<Item> items;
    for (const auto* child : command.children()) {
        if (!child->is("item", kNs)) return std::unexpected{StanzaError::bad_request()};
        if (!child->has_attribute("jid")) return std::unexpected{StanzaError::bad_request()};
        auto jid = Jid::parse(child->attribute("jid"));
        if (!jid) return std::unexpected{StanzaError::jid_malformed()};
        items.push_back({std::move(*jid), child->child("report", kReporting)});
    }
    return items;
}

class Blocking final : public Module {
  public:
    explicit Blocking(ModuleContext& context)
        : context_{context},
          outbound_{context.counter("refused_outbound")},
          inbound_{context.counter("refused_inbound")},
          dropped_{context.counter("dropped_presence")},
          reports_{context.counter("reports")} {
        hooks_ += context.feature(kNs);
        hooks_ += context.feature(kReporting);
        hooks_ += context.iq(Target::account, "get", kNs, "blocklist", [this](const Stanza& iq) { return list(iq); });
        hooks_ +=
            context.iq_async(Target::account, "set", kNs, "block", [this](const Stanza& iq) { return block(iq); });
        hooks_ +=
            context.iq_async(Target::account, "set", kNs, "unblock", [this](const Stanza& iq) { return unblock(iq); });
        hooks_ += context.intercept(Stage::from_local, kPriority, [this](Stanza& stanza) {
            return BlockList::any_in_use() ? from_local(stanza) : Verdict::pass;
        });
        hooks_ += context.intercept(Stage::to_local, kPriority, [this](Stanza& stanza) {
            return BlockList::any_in_use() ? to_local(stanza) : Verdict::pass;
        });
    }

  private:
    // ---- what passes

    /// §3.4: a user's own devices are never kept from each other, nor from the server itself.
    bool is_blocked(const Jid& user, const Jid& other) {
        if (other.empty() || other.same_bare(user) || other == context_.host()) return false;
        const auto* account = context_.account(user.bare());
        return account && account->roster().blocked.blocks(other);
    }

    /// §3.2: outbound.
    Verdict from_local(const Stanza& stanza) {
        if (!is_blocked(stanza.from(), stanza.to())) return Verdict::pass;
        outbound_.add();
        // To the session itself: routed in the contact's name it would be blocked in its turn.
        auto* account = context_.account(stanza.from().bare());
        auto* session = account ? account->session(stanza.from().resource()) : nullptr;
        const StanzaError error{"cancel", "not-acceptable", {}, xml::Element{"blocked", "urn:xmpp:blocking:errors"}};
        const auto reply = xmpp::error_reply(stanza.element(), error);
        if (session && reply) session->send(*reply);
        return Verdict::taken;
    }

    /// §3.2: inbound. To the blocked the user seems not to be there.
    Verdict to_local(const Stanza& stanza) {
        if (!is_blocked(stanza.to(), stanza.from())) return Verdict::pass;
        (stanza.is_presence() ? dropped_ : inbound_).add();
        // A room would take an answer to a message of one occupant's as the word that this user is gone.
        const bool of_room = stanza.is_message() && stanza.type() == "groupchat";
        if (!stanza.is_presence() && !of_room) context_.reply_error(stanza, StanzaError::service_unavailable());
        return Verdict::taken;
    }

    // ---- the list

    /// A block list is its owner's alone.
    Account* owner(const Stanza& iq) {
        if (!iq.to().empty() && !iq.to().same_bare(iq.from())) return nullptr;
        return context_.account(iq.from().bare());
    }

    IqReply list(const Stanza& iq) {
        auto* account = owner(iq);
        if (!account) return std::unexpected{StanzaError::forbidden()};
        if (auto* session = account->session(iq.from().resource())) session->slots().get<Watches>();
        xml::Element answer{"blocklist", kNs};
        for (const auto& jid : account->roster().blocked.entries()) answer.add("item").set("jid", jid.str());
        return answer;
    }

    awaitable<IqReply> block(const Stanza& iq) {
        auto* account = owner(iq);
        if (!account) co_return refusal(StanzaError::forbidden());
        const Jid user = account->jid();
        const auto items = read_items(*iq.payload());
        if (!items) co_return refusal(items.error());
        if (items->empty()) co_return refusal(StanzaError::bad_request());  // §3.2
        std::vector<Jid> fresh;
        std::size_t reports = 0;
        for (const auto& item : *items) {
            if (item.report && ++reports <= kMaxReports) report(iq.from(), item);
            const bool known =
                account->roster().blocked.contains(item.jid) || std::ranges::find(fresh, item.jid) != fresh.end();
            if (!known) fresh.push_back(item.jid);
        }
        if (account->roster().blocked.size() + fresh.size() > BlockList::kMax)
            co_return refusal(StanzaError::resource_constraint().with_text("the block list is full"));
        std::vector<Jid> stored = fresh;
        co_await context_.storage().rosters().block(user, std::move(stored));
        account = context_.account(user);
        if (!account) co_return IqReply{std::nullopt};
        for (const auto& jid : fresh) tell(*account, jid, false);  // while it still may
        for (const auto& jid : fresh) account->roster().blocked.add(jid);
        std::vector<Jid> all;
        for (const auto& item : *items) all.push_back(item.jid);
        push(*account, "block", all);
        co_return IqReply{std::nullopt};
    }

    awaitable<IqReply> unblock(const Stanza& iq) {
        auto* account = owner(iq);
        if (!account) co_return refusal(StanzaError::forbidden());
        const Jid user = account->jid();
        const auto items = read_items(*iq.payload());
        if (!items) co_return refusal(items.error());
        std::vector<Jid> entries;
        for (const auto& item : *items) entries.push_back(item.jid);
        const bool everybody = entries.empty();  // §3.4
        if (everybody) entries = account->roster().blocked.entries();
        std::vector<Jid> stored = entries;
        co_await context_.storage().rosters().unblock(user, std::move(stored));
        account = context_.account(user);
        if (!account) co_return IqReply{std::nullopt};
        std::vector<Jid> gone;
        for (const auto& jid : entries) {
            if (account->roster().blocked.remove(jid)) gone.push_back(jid);
        }
        push(*account, "unblock", everybody ? std::vector<Jid>{} : entries);
        for (const auto& jid : gone) tell(*account, jid, true);
        co_return IqReply{std::nullopt};
    }

    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }

    void push(Account& account, std::string_view name, const std::vector<Jid>& entries) {
        xml::Element command{name, kNs};
        for (const auto& jid : entries) command.add("item").set("jid", jid.str());
        for (auto* session : account.sessions()) {
            if (!session->slots().find<Watches>()) continue;
            auto set = Stanza::iq("set", "block-" + std::to_string(++pushes_), {}, session->jid());
            set.element().append(command);
            session->send(set.element());
        }
    }

    // ---- presence around it

    /// §3.2, §3.3: those behind `entry` who may see the user see unavailable, or see the user again. The user sees
    /// them again too.
    void tell(Account& account, const Jid& entry, bool back) {
        for (const auto& item : account.roster().items) {
            const auto& contact = item.jid;
            if (entry.domain() != contact.domain()) continue;
            if (!entry.node().empty() && entry.node() != contact.node()) continue;
            if (account.roster().blocked.blocks(contact)) continue;  // by another entry, before or still
            const auto to = entry.is_full() ? contact.with_resource(entry.resource()).value_or(contact) : contact;
            if (item.from) show(account, to, back);
            if (back && item.to) context_.route(Stanza::presence(account.jid(), contact, "probe"));
        }
        if (!back) take_back_directed(account, entry);
    }

    void show(Account& account, const Jid& to, bool available) {
        for (const auto* session : account.sessions()) {
            if (!session->available()) continue;
            auto presence = available ? *session->presence() : Stanza::presence(session->jid(), to, "unavailable");
            presence.set_to(to);
            context_.route(std::move(presence));
        }
    }

    void take_back_directed(Account& account, const Jid& entry) {
        for (auto* session : account.sessions()) {
            auto* directed = session->slots().find<session::DirectedPresence>();
            if (!directed) continue;
            std::erase_if(directed->to, [&](const Jid& target) {
                if (!xmpp::matches(entry, target)) return false;
                const auto* item = account.roster().find(target.bare());
                const bool told = session->available() && item && item->from;
                if (!told) context_.route(Stanza::presence(session->jid(), target, "unavailable"));
                return true;
            });
        }
    }

    // ---- reports

    /// XEP-0377 §4, §6: a report without a reason is none; the block stands all the same.
    void report(const Jid& reporter, const Item& item) {
        const auto reason = item.report->attribute("reason");
        if (reason.empty()) return;
        reports_.add();
        constexpr std::string_view kPrefix = "urn:xmpp:reporting:";
        const auto word = reason.starts_with(kPrefix) ? reason.substr(kPrefix.size()) : reason;
        std::string ids;
        for (const auto* id : item.report->children()) {
            if (!id->is("stanza-id", "urn:xmpp:sid:0") || ids.size() > kMaxReportText) continue;
            if (!ids.empty()) ids += ' ';
            ids += id->attribute("id").substr(0, kMaxReportText);
        }
        const auto text = item.report->child_text("text", kReporting).substr(0, kMaxReportText);
        log::warning("a user reports an address", {{"reason", word.substr(0, kMaxReportText)},
                                                   {"reported", item.jid.str()},
                                                   {"by", reporter.bare().str()},
                                                   {"messages", ids},
                                                   {"text", text}});
    }

    ModuleContext& context_;
    Counter& outbound_;
    Counter& inbound_;
    Counter& dropped_;
    Counter& reports_;
    std::uint64_t pushes_ = 0;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor blocking() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Blocking>(context); }};
}

}  // namespace carillon::modules
