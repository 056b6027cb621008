/// How long ago a user left, and with which words; how long this server has been running.
/// Spec: XEP-0012 2.0.
/// Not here: how long somebody has been idle, which clients tell for themselves.
#include "signaling/modules/last/last.h"

#include <unordered_map>

#include "config/base/log.h"
#include "signaling/session/departure.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::Departure;
using session::Session;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "last", .xep = 12, .version = "2.0", .summary = "when a user was last here; the server's uptime"};
constexpr std::string_view kNs = "jabber:iq:last";
constexpr std::size_t kMaxStatus = 1023;
constexpr std::size_t kMaxWaiting = 20'000;          // departures not written yet
constexpr std::chrono::milliseconds kTogether{500};  // written in one go: a restart sends everybody away at once

std::int64_t seconds_between(WallTime from, WallTime to) {
    return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(to - from).count(), 0);
}

class Last final : public Module {
  public:
    explicit Last(ModuleContext& context) : context_{context} {
        (void)started();
        for (const auto target : {Target::host, Target::account}) hooks_ += context.feature(kNs, target);
        hooks_ += context.iq(Target::host, "get", kNs, "query", [this](const Stanza&) { return uptime(); });
        hooks_ += context.iq_async(Target::account, "get", kNs, "query", [this](const Stanza& iq) { return ask(iq); });
        // §4: a client is asked only by those who may see its presence.
        hooks_ += context.intercept(Stage::to_local, 0, [this](Stanza& stanza) {
            if (!stanza.is_iq_request() || stanza.to().is_bare()) return Verdict::pass;
            const auto* payload = stanza.payload();
            if (!payload || payload->ns() != kNs || may_see(stanza.to(), stanza.from())) return Verdict::pass;
            context_.reply_error(stanza, StanzaError::forbidden());
            return Verdict::taken;
        });
        hooks_ += context.sessions({.bound = {},
                                    .available = {},
                                    .unavailable = [this](Session& session) { went(session, {}); },
                                    .closed = {},
                                    .presence =
                                        [this](Session& session, const Stanza& presence) {
                                            if (presence.type() == "unavailable")
                                                went(session, presence.element().child_text("status"));
                                        }});
    }

  private:
    IqReply uptime() { return answer({context_.clock().wall() - (context_.clock().now() - started()), {}}); }

    /// When the first instance of this module was made, that is, the process: reloads do not count.
    SteadyTime started() {
        static const SteadyTime start = context_.clock().now();
        return start;
    }

    bool may_see(const Jid& user, const Jid& asker) {
        if (asker.same_bare(user)) return true;
        const auto* account = context_.account(user.bare());
        const auto* item = account ? account->roster().find(asker.bare()) : nullptr;
        return item && item->from;
    }

    awaitable<IqReply> ask(const Stanza& iq) {
        const Jid user = iq.to().empty() ? iq.from().bare() : iq.to().bare();
        if (!may_see(user, iq.from())) co_return refusal(StanzaError::forbidden());
        auto* account = context_.account(user);
        if (account && !account->sessions().empty()) co_return answer({context_.clock().wall(), {}});
        if (const auto* waiting = find(user)) co_return answer(*waiting);
        const auto stored = co_await context_.storage().user_data().get(user, std::string{Departure::kSpace},
                                                                        std::string{Departure::kName});
        const auto departure = stored ? Departure::parse(*stored) : std::nullopt;
        if (!departure) co_return refusal(StanzaError::item_not_found().with_text("never seen here"));
        co_return answer(*departure);
    }

    IqReply answer(const Departure& departure) {
        xml::Element query{"query", kNs};
        query.set("seconds", std::to_string(seconds_between(departure.at, context_.clock().wall())));
        if (!departure.status.empty()) query.add_text(departure.status);
        return query;
    }
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }

    /// Only the last of a user's devices that goes takes the user with it.
    void went(Session& session, std::string status) {
        for (const auto* other : session.account().sessions()) {
            if (other != &session && other->available()) return;
        }
        const auto user = session.account().jid();
        if (waiting_.size() >= kMaxWaiting && !waiting_.contains(user)) return;
        if (status.size() > kMaxStatus) status.clear();
        waiting_[user] = {context_.clock().wall(), std::move(status)};
        if (std::exchange(writing_, true)) return;
        timer_ = context_.after(kTogether, [this] { context_.spawn(write()); });
    }

    const Departure* find(const Jid& user) const {
        if (const auto at = waiting_.find(user); at != waiting_.end()) return &at->second;
        const auto at = in_hand_.find(user);
        return at == in_hand_.end() ? nullptr : &at->second;
    }

    awaitable<void> write() {
        while (!waiting_.empty()) {
            in_hand_ = std::exchange(waiting_, {});
            std::vector<std::pair<Jid, std::string>> values;
            for (const auto& [user, departure] : in_hand_) values.emplace_back(user, departure.text());
            try {
                co_await context_.storage().user_data().put_for_many(std::string{Departure::kSpace},
                                                                     std::string{Departure::kName}, std::move(values));
            } catch (const storage::StorageError& error) {
                log::error("last activity not written", {{"users", in_hand_.size()}, {"reason", error.what()}});
            }
            in_hand_.clear();
        }
        writing_ = false;
    }

    ModuleContext& context_;
    std::unordered_map<Jid, Departure> waiting_;
    std::unordered_map<Jid, Departure> in_hand_;  // being written
    bool writing_ = false;
    Registration timer_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor last() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Last>(context); }};
}

}  // namespace carillon::modules
