/// The publish-subscribe service of a domain: pubsub.DOMAIN.
/// Spec: XEP-0060 1.30.0; XEP-0248 0.3.0.
/// Not here: what requests mean (signaling/pubsub).
#include <algorithm>
#include <map>

#include "signaling/modules/pubsub/pubsub.h"
#include "signaling/modules/pubsub/service_desk.h"
#include "signaling/modules/request_queue.h"
#include "signaling/pubsub/names.h"
#include "signaling/session/roster.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "pubsub", .xep = 60, .version = "1.30.0", .summary = "the publish-subscribe service of the domain"};
constexpr std::size_t kMaxOwners = 10;  // whose rosters are looked at

/// Owners' rosters, for access models that ask for them.
class Rosters final : public pubsub::People {
  public:
    std::map<Jid, session::Roster> of;

    bool sees_presence(const pubsub::Node& node, const Jid& bare) const override {
        return any(node, bare, [](const session::RosterItem& item) { return item.from; });
    }
    bool in_groups(const pubsub::Node& node, const Jid& bare, const std::vector<std::string>& groups) const override {
        return any(node, bare, [&](const session::RosterItem& item) {
            return item.listed && std::ranges::any_of(item.groups.names(), [&](const auto& group) {
                       return std::ranges::find(groups, group) != groups.end();
                   });
        });
    }
    bool is_blocked(const Jid&) const override { return false; }
    std::vector<Jid> interested(std::string_view) const override { return {}; }
    bool is_available(const Jid&) const override { return true; }

  private:
    template <class F>
    bool any(const pubsub::Node& node, const Jid& bare, F fits) const {
        return std::ranges::any_of(node.owners(), [&](const Jid& owner) {
            const auto at = of.find(owner);
            const auto* item = at == of.end() ? nullptr : at->second.find(bare);
            return owner == bare || (item && fits(*item));
        });
    }
};

pubsub::Policy defaults(const Jid& host) {
    pubsub::Policy policy;
    policy.defaults.max_items = 20;
    policy.nodes = 10'000;
    policy.nodes_per_user = 100;
    policy.octets = 256ULL * 1024 * 1024;
    policy.may_create = [domain = std::string{host.domain()}](const Jid& bare) {
        return bare.domain() == domain && !bare.node().empty();
    };
    return policy;
}

class PubsubService final : public Module {
  public:
    explicit PubsubService(ModuleContext& context)
        : context_{context},
          jid_{Jid::make("", "pubsub." + std::string{context.host().domain()}).value()},
          desk_{context, read_policy(context, kInfo.name, defaults(context.host()))} {
        hooks_ += context.item(jid_, "Publish-Subscribe");
        hooks_ += context.serve_domain(jid_, [this](Stanza stanza) { take(std::move(stanza)); });
    }

  private:
    void take(Stanza stanza) {
        if (stanza.is_error() || stanza.is_presence() || (stanza.is_iq() && !stanza.is_iq_request())) return;
        queue_.push(std::move(stanza));
    }

    awaitable<void> answer(const Stanza& stanza) {
        if (stanza.to() != jid_) co_return context_.reply_error(stanza, StanzaError::item_not_found());
        if (!service_) service_ = co_await desk_.load(jid_, false);
        if (stanza.is_message()) co_return co_await approve(stanza);
        auto reply = co_await reply_to(stanza);
        if (!reply) co_return context_.reply_error(stanza, reply.error());
        auto result = Stanza::result_of(stanza);
        if (*reply) result.element().append(std::move(**reply));
        context_.route(std::move(result));
    }

    awaitable<IqReply> reply_to(const Stanza& iq) {
        const auto* payload = iq.payload();
        if (!payload) co_return IqReply{std::unexpect, StanzaError::bad_request()};
        if (payload->is("ping", "urn:xmpp:ping")) co_return IqReply{std::nullopt};
        const auto rosters = co_await rosters_for(iq);
        if (payload->is("query", pubsub::kDiscoInfo)) {
            if (payload->attribute("node").empty()) co_return info();
            co_return pubsub::disco_info(*service_, desk_.policy(), rosters, iq.from(), payload->attribute("node"));
        }
        if (payload->is("query", pubsub::kDiscoItems))
            co_return pubsub::disco_items(*service_, desk_.policy(), rosters, iq.from(), *payload);
        if (!payload->is("pubsub", pubsub::kPubsub) && !payload->is("pubsub", pubsub::kOwner))
            co_return IqReply{std::unexpect, StanzaError::service_unavailable()};
        const auto request = desk_.request(iq.from(), payload, iq.type() == "set");
        auto outcome = pubsub::handle(*service_, desk_.policy(), rosters, request);
        std::function<void()> failed = [this] { service_.reset(); };
        auto service = service_;
        co_return co_await desk_.finish(std::move(service), std::move(outcome), std::move(failed));
    }

    /// Only those that the node's access model needs.
    awaitable<Rosters> rosters_for(const Stanza& iq) {
        Rosters rosters;
        std::string_view name = iq.payload()->attribute("node");
        for (const auto* child : iq.payload()->children()) {
            if (name.empty()) name = child->attribute("node");
        }
        const auto* node = service_->find(name);
        if (!node) co_return rosters;
        const auto access = node->config.access;
        const bool configures = iq.payload()->ns() == pubsub::kOwner && iq.type() == "set";
        if (access != pubsub::AccessModel::presence && access != pubsub::AccessModel::roster && !configures)
            co_return rosters;
        auto owners = node->owners();
        if (owners.size() > kMaxOwners) owners.resize(kMaxOwners);
        for (const auto& owner : owners) {
            if (owner.domain() != context_.host().domain()) continue;
            rosters.of[owner] = co_await context_.storage().rosters().load(owner);
        }
        co_return rosters;
    }

    awaitable<void> approve(const Stanza& message) {
        const auto* x = message.element().child("x", pubsub::kForm);
        if (!x) co_return context_.reply_error(message, StanzaError::service_unavailable());
        const Rosters nobody;
        auto outcome =
            pubsub::handle_approval(*service_, desk_.policy(), nobody, desk_.request(message.from(), x, true));
        if (!outcome) co_return context_.reply_error(message, StanzaError::service_unavailable());
        if (!outcome->reply) co_return context_.reply_error(message, outcome->reply.error());
        std::function<void()> failed = [this] { service_.reset(); };
        auto service = service_;
        co_await desk_.finish(std::move(service), std::move(*outcome), std::move(failed));
    }

    static xml::Element info() {
        xml::Element query{"query", pubsub::kDiscoInfo};
        query.add("identity").set("category", "pubsub").set("type", "service").set("name", "Publish-Subscribe");
        for (const auto feature : {pubsub::kDiscoInfo, pubsub::kDiscoItems, pubsub::kPubsub, pubsub::kRsm})
            query.add("feature").set("var", feature);
        for (const auto feature : pubsub::features())
            query.add("feature").set("var", std::string{pubsub::kPubsub} + '#' + std::string{feature});
        query.add("feature").set("var", std::string{pubsub::kPubsub} + "#collections");
        return query;
    }

    ModuleContext& context_;
    Jid jid_;
    ServiceDesk desk_;
    ServicePtr service_;
    RequestQueue queue_{context_, [this](const Stanza& stanza) { return answer(stanza); }};
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor pubsub_service() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<PubsubService>(context); }};
}

}  // namespace carillon::modules
