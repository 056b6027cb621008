/// Users publish under their own addresses; their contacts hear of it when their clients ask for it.
/// Spec: XEP-0163 1.2.2; XEP-0060; XEP-0115 §1.2 (+notify); XEP-0223 (by publish options).
/// Not here: what requests mean (signaling/pubsub).
#include <algorithm>
#include <boost/container/flat_map.hpp>
#include <map>

#include "signaling/modules/pubsub/pubsub.h"
#include "signaling/modules/pubsub/service_desk.h"
#include "signaling/pubsub/names.h"
#include "signaling/session/caps_verification.h"
#include "signaling/session/known_caps.h"
#include "signaling/session/session.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::KnownCaps;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "pep", .xep = 163, .version = "1.2.2", .summary = "what users publish under their own addresses"};
constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";
constexpr int kBeforePresence = 90;
constexpr int kAfterPresence = 110;      // what the presence module has not taken
constexpr std::size_t kMaxPeers = 5000;  // of one account
constexpr std::size_t kMaxWaiting = 20'000;
constexpr std::size_t kMaxFeatures = 500;
constexpr std::chrono::seconds kDeadline{20};

struct Peer {
    std::string caps;  ///< hash and ver
    KnownCaps::Features features;
};

/// A slot of the account.
struct Held {
    ServicePtr service;
    boost::container::flat_map<Jid, Peer> peers;  ///< full JIDs whose presence the account has seen, its own among them
};

/// The people around one account. Lives between two co_await.
class Around final : public pubsub::People {
  public:
    Around(Account& account, const Held& held) : account_{account}, held_{held} {}
    bool sees_presence(const pubsub::Node&, const Jid& bare) const override {
        if (bare == account_.jid()) return true;
        const auto* item = account_.roster().find(bare);
        return item && item->from;
    }
    bool in_groups(const pubsub::Node&, const Jid& bare, const std::vector<std::string>& groups) const override {
        const auto* item = account_.roster().find(bare);
        if (!item || !item->listed) return false;
        return std::ranges::any_of(item->groups.names(),
                                   [&](const auto& group) { return std::ranges::find(groups, group) != groups.end(); });
    }
    bool is_blocked(const Jid& bare) const override { return account_.roster().blocked.blocks(bare); }
    std::vector<Jid> interested(std::string_view node) const override {
        const std::string wanted = std::string{node} + "+notify";
        std::vector<Jid> found;
        for (const auto& [jid, peer] : held_.peers) {
            if (peer.features && peer.features->contains(wanted) && may_hear(jid)) found.push_back(jid);
        }
        return found;
    }
    bool is_available(const Jid& jid) const override {
        if (jid.is_full()) return held_.peers.contains(jid);
        return std::ranges::any_of(held_.peers, [&](const auto& each) { return each.first.same_bare(jid); });
    }
    bool may_hear(const Jid& jid) const {
        const auto bare = jid.bare();
        return !is_blocked(bare) && (bare == account_.jid() || std::as_const(*this).sees(bare));
    }

  private:
    bool sees(const Jid& bare) const {
        const auto* item = account_.roster().find(bare);
        return item && item->from;
    }
    Account& account_;
    const Held& held_;
};

/// XEP-0163 §5: what a node is unless its user says otherwise. Private things are private from the first moment.
void preset(std::string_view node, pubsub::NodeConfig& config) {
    if (node == "urn:xmpp:bookmarks:1" || node == "storage:bookmarks" || node == "urn:xmpp:mds:displayed:0")
        config.access = pubsub::AccessModel::whitelist;
}

pubsub::Policy defaults() {
    pubsub::Policy policy;
    policy.defaults.access = pubsub::AccessModel::presence;
    policy.defaults.send_last = pubsub::SendLast::on_sub_and_presence;
    policy.anybody_creates = false;
    policy.preset = preset;
    return policy;
}

class Pep final : public Module {
  public:
    explicit Pep(ModuleContext& context)
        : context_{context}, desk_{context, read_policy(context, kInfo.name, defaults())} {
        hooks_ += context.identity("pubsub", "pep", "", Target::account);
        hooks_ += context.feature(pubsub::kPubsub, Target::account);
        for (const auto feature : pubsub::features())
            hooks_ += context.feature(std::string{pubsub::kPubsub} + '#' + std::string{feature}, Target::account);
        hooks_ += context.feature(std::string{pubsub::kPubsub} + "#auto-subscribe", Target::account);
        hooks_ += context.feature(std::string{pubsub::kPubsub} + "#filtered-notifications", Target::account);
        for (const auto type : {"get", "set"}) {
            for (const auto ns : {pubsub::kPubsub, pubsub::kOwner}) {
                hooks_ += context.iq_async(Target::account, type, ns, "pubsub",
                                           [this](const Stanza& iq) { return handle(iq); });
            }
        }
        hooks_ += context.intercept(Stage::from_local, kAfterPresence, [this](Stanza& stanza) {
            return stanza.to().empty() ? take_disco(stanza) : Verdict::pass;
        });
        hooks_ += context.intercept(Stage::from_local, kBeforePresence, [this](Stanza& stanza) {
            if (stanza.is_presence() && stanza.type() == "subscribed") {  // in force once the roster says so
                context_.on_owner(context_.shard(),
                                  [user = stanza.from().bare(), contact = stanza.to().bare()](Module& there) {
                                      static_cast<Pep&>(there).approved(user, contact);
                                  });
            }
            return Verdict::pass;
        });
        hooks_ += context.intercept(Stage::to_local, kAfterPresence, [this](Stanza& stanza) { return came(stanza); });
        if (known_) {
            hooks_ += known_->listen([this, &context](const std::string& key, const KnownCaps::Features& features) {
                context.on_owner(context.shard(),
                                 [key, features](Module& there) { static_cast<Pep&>(there).learned(key, features); });
            });
        }
    }

  private:
    // ---- requests

    awaitable<ServicePtr> service_of(Jid user) {
        if (auto* account = context_.account(user)) {
            if (auto& held = account->slots().get<Held>(); held.service) co_return held.service;
        }
        auto loaded = co_await desk_.load(user, true);
        auto* account = context_.account(user);
        if (!account) co_return loaded;
        auto& held = account->slots().get<Held>();
        if (!held.service) held.service = loaded;
        co_return held.service;
    }

    void forget(const Jid& user) {
        if (auto* account = context_.account(user)) account->slots().get<Held>().service.reset();
    }

    awaitable<IqReply> handle(const Stanza& iq) {
        const auto user = iq.to().empty() ? iq.from().bare() : iq.to().bare();
        auto service = co_await service_of(user);
        auto* account = context_.account(user);
        if (!account) co_return IqReply{std::unexpect, StanzaError::service_unavailable()};
        const Around around{*account, account->slots().get<Held>()};
        const auto request = desk_.request(iq.from(), iq.payload(), iq.type() == "set");
        auto outcome = pubsub::handle(*service, desk_.policy(), around, request);
        std::function<void()> failed = [this, user] { forget(user); };
        co_return co_await desk_.finish(std::move(service), std::move(outcome), std::move(failed));
    }

    // ---- disco of nodes, and of the list of nodes

    static bool is_ours(const Stanza& iq) {
        if (!iq.is_iq() || iq.type() != "get" || !iq.payload()) return false;
        const auto& payload = *iq.payload();
        if (payload.is("query", pubsub::kDiscoItems)) return true;
        return payload.is("query", pubsub::kDiscoInfo) && !payload.attribute("node").empty();
    }

    Verdict take_disco(Stanza& iq) {
        if (!is_ours(iq) || iq.to().is_full()) return Verdict::pass;
        const auto user = iq.to().empty() ? iq.from().bare() : iq.to().bare();
        if (user.node().empty()) return Verdict::pass;
        context_.spawn(answer_disco(user, std::move(iq)));
        return Verdict::taken;
    }

    awaitable<void> answer_disco(Jid user, Stanza iq) {
        auto service = co_await service_of(user);
        auto* account = context_.account(user);
        if (!account) co_return context_.reply_error(iq, StanzaError::service_unavailable());
        const Around around{*account, account->slots().get<Held>()};
        const auto& query = *iq.payload();
        const bool list = query.attribute("node").empty();
        if (list && !around.may_hear(iq.from()))  // XEP-0030 §8
            co_return context_.reply_error(iq, StanzaError::service_unavailable());
        auto reply = query.ns() == pubsub::kDiscoInfo
                         ? pubsub::disco_info(*service, desk_.policy(), around, iq.from(), query.attribute("node"))
                         : pubsub::disco_items(*service, desk_.policy(), around, iq.from(), query);
        if (!reply) co_return context_.reply_error(iq, reply.error());
        auto answer = Stanza::result_of(iq);
        if (answer.from().empty()) answer.set_from(user);
        if (*reply) answer.element().append(std::move(**reply));
        context_.route(std::move(answer));
    }

    // ---- who is there

    Verdict came(Stanza& stanza) {
        if (stanza.is_iq()) return take_disco(stanza);
        if (stanza.is_message()) return take_approval(stanza);
        auto* account = context_.account(stanza.to().bare());
        if (!account || !stanza.from().is_full()) return Verdict::pass;
        if (stanza.type().empty()) {
            seen(*account, stanza);
        } else if (stanza.type() == "unavailable" || stanza.type() == "error") {
            if (auto* held = account->slots().find<Held>()) held->peers.erase(stanza.from());
        }
        return Verdict::pass;
    }

    /// Whoever may be told one day: a subscription may come to be after the presence.
    static bool is_known(const Account& account, const Jid& bare) {
        const auto* item = account.roster().find(bare);
        return bare == account.jid() || (item && (item->to || item->from || item->pending_out));
    }

    /// The user lets a contact see their presence: from now on the contact hears of what there is.
    void approved(const Jid& user, const Jid& contact) {
        auto* account = context_.account(user);
        auto* held = account ? account->slots().find<Held>() : nullptr;
        if (!held) return;
        for (const auto& [jid, peer] : held->peers) {
            if (jid.same_bare(contact) && peer.features) greet(account->jid(), jid);
        }
    }

    void seen(Account& account, const Stanza& presence) {
        auto& held = account.slots().get<Held>();
        if (!is_known(account, presence.from().bare())) return;
        const auto* caps = presence.element().child("c", kCaps);
        std::string key;
        if (caps && !caps->attribute("ver").empty() && caps->attribute("hash").size() < 32)
            key = std::string{caps->attribute("hash")} + ' ' + std::string{caps->attribute("ver")};
        if (key.size() > 200) return;
        const auto at = held.peers.find(presence.from());
        if (at != held.peers.end() && at->second.caps == key) return;
        if (at == held.peers.end() && held.peers.size() >= kMaxPeers) return;
        auto& peer = held.peers[presence.from()];
        peer = {key, known_ && !key.empty() ? known_->find(key) : nullptr};
        if (peer.features) return greet(account.jid(), presence.from());
        if (!key.empty()) wait(account, presence.from(), key, std::string{caps->attribute("node")});
    }

    /// A local client is asked by the module caps; a foreign one here.
    void wait(Account& account, const Jid& peer, const std::string& key, const std::string& node) {
        if (waiting_count_ >= kMaxWaiting) return;
        ++waiting_count_;
        waiting_[key].emplace_back(account.jid(), peer);
        if (peer.domain() == context_.host().domain() || !known_) return;
        const auto space = key.find(' ');
        const auto hash = key.substr(0, space);
        const auto ver = key.substr(space + 1);
        auto iq = Stanza::iq("get", "", account.jid(), peer);
        iq.element().add("query", pubsub::kDiscoInfo).set("node", node + '#' + ver);
        context_.ask(std::move(iq), kDeadline, [this, key, hash, ver](std::optional<Stanza> answer) {
            const auto* query =
                answer && answer->type() == "result" ? answer->element().child("query", pubsub::kDiscoInfo) : nullptr;
            if (!query || session::caps_verification(*query, hash) != ver) return give_up(key);
            auto features = std::make_shared<std::set<std::string, std::less<>>>();
            for (const auto* child : query->children()) {
                if (child->name() == "feature" && features->size() < kMaxFeatures)
                    features->emplace(child->attribute("var"));
            }
            known_->learn(key, features);
        });
    }

    void give_up(const std::string& key) {
        if (const auto at = waiting_.find(key); at != waiting_.end()) {
            waiting_count_ -= at->second.size();
            waiting_.erase(at);
        }
    }

    void learned(const std::string& key, const KnownCaps::Features& features) {
        const auto at = waiting_.find(key);
        if (at == waiting_.end()) return;
        const auto list = at->second;
        give_up(key);
        for (const auto& [user, jid] : list) {
            auto* account = context_.account(user);
            auto* held = account ? account->slots().find<Held>() : nullptr;
            const auto peer = held ? held->peers.find(jid) : decltype(held->peers.end()){};
            if (!held || peer == held->peers.end() || peer->second.caps != key) continue;
            peer->second.features = features;
            greet(user, jid);
        }
    }

    /// XEP-0163 §4.3.4: the last item of each node that the newcomer's client asks for.
    void greet(const Jid& user, const Jid& newcomer) { context_.spawn(send_last(user, newcomer)); }

    awaitable<void> send_last(Jid user, Jid newcomer) {
        auto service = co_await service_of(user);
        auto* account = context_.account(user);
        auto* held = account ? account->slots().find<Held>() : nullptr;
        if (!held) co_return;
        const auto peer = held->peers.find(newcomer);
        if (peer == held->peers.end() || !peer->second.features) co_return;
        const Around around{*account, *held};
        if (!around.may_hear(newcomer)) co_return;
        std::vector<pubsub::LastItem> items;
        for (const auto& [name, node] : service->nodes) {
            if (node.config.send_last != pubsub::SendLast::on_sub_and_presence || node.items.empty()) continue;
            if (!node.config.deliver_notifications || !peer->second.features->contains(name + "+notify")) continue;
            if (pubsub::may_read(*service, node, around, newcomer.bare())) items.push_back({name, newcomer});
        }
        co_await desk_.send_last(std::move(service), std::move(items));
    }

    // ---- approval of subscriptions (XEP-0060 §8.6)

    Verdict take_approval(Stanza& message) {
        if (message.is_error() || !message.to().same_bare(message.from())) return Verdict::pass;
        const auto* x = message.element().child("x", pubsub::kForm);
        if (!x || x->attribute("type") != "submit") return Verdict::pass;
        const auto form = pubsub::read_form(*x);
        if (!form || !form->is_of(pubsub::kAuthorizationForm)) return Verdict::pass;
        auto user = message.to().bare();  // before the message is moved from
        context_.spawn(approve(std::move(user), std::move(message)));
        return Verdict::taken;
    }

    awaitable<void> approve(Jid user, Stanza message) {
        auto service = co_await service_of(user);
        auto* account = context_.account(user);
        if (!account) co_return;
        const Around around{*account, account->slots().get<Held>()};
        const auto request = desk_.request(message.from(), message.element().child("x", pubsub::kForm), true);
        auto outcome = pubsub::handle_approval(*service, desk_.policy(), around, request);
        if (!outcome) co_return;
        if (!outcome->reply) co_return context_.reply_error(message, outcome->reply.error());
        std::function<void()> failed = [this, user] { forget(user); };
        co_await desk_.finish(std::move(service), std::move(*outcome), std::move(failed));
    }

    ModuleContext& context_;
    ServiceDesk desk_;
    KnownCaps* known_ = &KnownCaps::of_process();
    std::map<std::string, std::vector<std::pair<Jid, Jid>>> waiting_;  ///< by caps: account and peer
    std::size_t waiting_count_ = 0;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor pep() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Pep>(context); }};
}

}  // namespace carillon::modules
